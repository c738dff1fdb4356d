# SPDX-License-Identifier: MIT
# The recipes take over what the build has: everything, or they would compile it a second time.
host-tests += tests/extending/recipes.sh
