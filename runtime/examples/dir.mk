# SPDX-License-Identifier: MIT
vm-progs += runtime/examples/hello
runtime/examples/hello-uses := runtime/libseedchip.so
device-kernels += runtime/examples/hello_kernel
vm-files += runtime/examples/hello.c:/examples/ runtime/examples/hello_kernel.c:/examples/
