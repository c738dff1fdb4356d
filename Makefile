# SPDX-License-Identifier: MIT
#
# The build of the whole project.  Each folder says what it has in a fragment of its own,
# dir.mk (CONTRIBUTING.md, "The build"); this file turns those lists into rules.  Everything
# that is built lies under build/, what is downloaded in the cache folder ~/.cache/seedchip.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
SHELL := /bin/bash

all:

# --- options -------------------------------------------------------------------------------
# SAN=address,undefined or SAN=thread: an instrumented build of the host parts, beside the other
# BUILD=DIR: another folder than build/, for a second build beside it
B := $(or $(BUILD),build)
export BUILD := $B
comma := ,
O := $B$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
CC := gcc
AR := ar
CFLAGS := -O2 -g
WARN := -Wall -Wextra $(if $(WERROR),-Werror)
# A test fails that does what is undefined
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer \
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined))
INCLUDES := -I. -Iuapi -Iruntime/include
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(SANFLAGS) -fPIC -pthread -D_GNU_SOURCE $(INCLUDES)
ALL_LDFLAGS = $(SANFLAGS) -pthread
SEEDCHIP_CC := tools/cc/seedchip-cc

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# --- Debian packages, for the goals that need them ------------------------------------------
passive := help clean qemu-tree uninstall
goals := $(or $(MAKECMDGOALS),all)
purposes := $(if $(filter-out $(passive),$(goals)),build) \
	$(if $(filter bench-launch demo check soak vm test,$(goals)),vm) $(if $(filter demo check vm test,$(goals)),demo) \
	$(if $(filter bench check soak test,$(goals)),check) $(if $(filter check-debug,$(goals)),debug) \
	$(if $(filter lint,$(goals)),lint) $(if $(filter fuzz,$(goals)),fuzz) $(if $(filter check-kernels,$(goals)),kernels)
ifneq ($(strip $(purposes)),)
ifndef MAKE_RESTARTS
ifneq ($(shell tools/build/deps.sh $(purposes) >&2; echo $$?),0)
$(error packages are missing)
endif
endif
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif

# --- what the folders have -------------------------------------------------------------------
static-libs :=
shared-libs :=
host-progs :=
installed-progs :=
vm-progs :=
benches :=
unit-tests :=
host-tests :=
vm-tests :=
vm-last-tests :=
device-kernels :=
vm-files :=
check-needs :=
include $(sort $(wildcard */dir.mk */*/dir.mk */*/*/dir.mk))

# make test T=NAME builds what the chosen tests need and no more.  A pattern with several stars
# or with brackets is left to tests/run: then everything is built.
test-name = $(basename $(1:tests/%=%))
chosen = $(if $(or $(word 4,$(subst *, * ,x$(T)x)),$(findstring [,$(T))),$(1),$(foreach t,$(1),$(if $(filter \
	$(subst *,%,$(T)),$(call test-name,$t) $(notdir $(call test-name,$t))),$t)))
ifneq ($(and $(T),$(filter test,$(goals))),)
unit-tests-wanted := $(strip $(call chosen,$(unit-tests)))
host-tests-wanted := $(strip $(call chosen,$(host-tests)))
vm-tests-wanted := $(strip $(call chosen,$(vm-tests)))
else
unit-tests-wanted := $(unit-tests)
host-tests-wanted := $(host-tests)
vm-tests-wanted := $(vm-tests)
endif

benches-wanted := $(strip $(if $(and $(T),$(filter bench,$(goals))),$(call chosen,$(benches)),$(benches)))

is-script = $(filter %.sh %.py,$(1))
built-tests := $(unit-tests) $(filter-out %.sh %.py,$(host-tests) $(vm-tests))
programs := $(sort $(host-progs) $(vm-progs) $(benches) $(built-tests))

srcs = $(or $($(1)-srcs),$(1).c)
objs = $(patsubst %,$O/%.o,$(basename $(call srcs,$(1))))
uses = $(addprefix $O/,$($(1)-uses))
rpath = $(if $(filter %.so,$($(1)-uses)),-Wl$(comma)-rpath$(comma)$(abspath $O/runtime))

# --- host programs and libraries -------------------------------------------------------------
$O/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $($(patsubst %/,%,$(dir $<))-cflags) $($<-cflags) -MMD -MP -c -o $@ $<

define static-lib
$O/$(1): $(call objs,$(1))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$(AR) rcs $$@ $(call objs,$(1))
endef
$(foreach l,$(static-libs),$(eval $(call static-lib,$(l))))

# The soname is a link beside the library, so that programs find it in the tree too.
define shared-lib
$O/$(1): $(call objs,$(1)) $(call uses,$(1)) $($(1)-map)
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(CC) -shared $$(ALL_LDFLAGS) -Wl,-soname,$(or $($(1)-soname),$(notdir $(1))) \
		$(if $($(1)-map),-Wl$(comma)--version-script=$($(1)-map)) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -Wl,-z,relro \
		-o $$@ $(call objs,$(1)) $(call uses,$(1)) $($(1)-libs)
	$(if $($(1)-soname),@ln -sf $(notdir $(1)) $$(@D)/$($(1)-soname))
endef
$(foreach l,$(shared-libs),$(eval $(call shared-lib,$(l))))

define program
$O/$(1): $(call objs,$(1)) $(call uses,$(1))
	$$(call say,LD,$$@)
	$$(Q)$(CC) $$(ALL_LDFLAGS) $(call rpath,$(1)) $($(1)-ldflags) -o $$@ $(call objs,$(1)) \
		$(call uses,$(1)) $($(1)-libs) $(if $(filter $(1),$(unit-tests)),-lcmocka) -lm
endef
$(foreach p,$(programs),$(eval $(call program,$(p))))

# --- device kernels ---------------------------------------------------------------------------
# One C or assembly file makes one ELF for the card.  ($(1)-srcs for more files.)
define device-kernel
$O/$(1).elf: $(or $($(1)-srcs),$(wildcard $(1).c $(1).S)) $(SEEDCHIP_CC) $(device-kernel-deps)
	$$(call say,KERNEL,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(SEEDCHIP_CC) $($(1)-cflags) -MMD -MP -MF $$(@:.elf=.elf.d) -MT $$@ -o $$@ \
		$(or $($(1)-srcs),$(wildcard $(1).c $(1).S))
endef
$(foreach k,$(device-kernels),$(eval $(call device-kernel,$(k))))
device-elfs := $(device-kernels:%=$O/%.elf)

# --- the guest kernel and the driver ------------------------------------------------------------
# The *.path files hold a folder in the cache whose name carries the version, and change with it:
# what was built against another version is then rebuilt.
KERNEL := kernel
$B/kernel.path: tools/build/$(KERNEL).sh
$B/%.path: tools/build/%.sh tools/build/apt.sh FORCE
	@mkdir -p $(@D)
	@dir=$$($(if $(filter kernel,$*),tools/build/$(KERNEL).sh,$<)) && { [ "$$dir" = "$$(cat $@ 2>/dev/null)" ] || echo "$$dir" >$@; }

# The driver is built in a mirror of links, so that the source folders stay clean.
KO := $B/kbuild/driver/seedchip.ko
kdir = $(or $(KDIR),$(if $(filter debug-kernel,$(KERNEL)),$$(cat $B/kernel.path)/headers,\
	/usr/src/linux-headers-$$(cat $$(cat $B/kernel.path)/release)))
kbuild = $(MAKE) --no-print-directory -C $(kdir) M=$(abspath $B/kbuild) $(if $(filter 1,$(V)),V=1)
driver-srcs := $(shell find driver uapi Kbuild -type f -name '[!.]*' 2>/dev/null)

$(KO): $(driver-srcs) $B/kernel.path tools/build/kbuild-mirror.sh
	$(call say,KBUILD,$@)
	$(Q)tools/build/kbuild-mirror.sh $B/kbuild
	$(Q)env -u MAKEFLAGS $(kbuild) $(if $(WERROR),KCFLAGS=-Werror) -j$(shell nproc) \
		modules $(if $(filter 1,$(V)),,| sed -u '/^  DESCEND\|^make/d')
	@test $(KO) -nt $B/kernel.path || touch $(KO)

$B/vm/seedchip.ko: $(KO)
	@mkdir -p $(@D)
	$(Q)strip -g -o $@ $<

# --- the virtual card ------------------------------------------------------------------------------
card-so := $B/qemu-device/seedchip.so
qemu-cflags = -std=gnu11 $(CFLAGS) -Wall $(if $(WERROR),-Werror) -fPIC -fno-strict-aliasing \
	-fno-common -D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE -D_GNU_SOURCE \
	-I$$(cat $B/qemu-headers.path)/generated -I$$(cat $B/qemu-headers.path)/generated/qapi \
	-I$$(cat $B/qemu-headers.path)/include -Iqemu-device -Iuapi -I. \
	$(shell pkg-config --cflags glib-2.0)

card-objs := $(patsubst %.c,$B/%.o,$(wildcard qemu-device/*.c))

$(card-objs): $B/%.o: %.c $B/qemu-headers.path
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(qemu-cflags) -MMD -MP -c -o $@ $<

# QEMU's own functions are found in the program that loads the object.
card-map := qemu-device/seedchip.map
$(card-so): $(card-objs) $B/qemu-device/chip/libchip.a $(card-map)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -pthread -Wl,-z,relro -Wl,--version-script=$(card-map) -o $@ \
		$(filter-out $(card-map),$^) -lm

qemu-headers: $B/qemu-headers.path
	@cat $<

qemu-tree:
	$(Q)tools/build/qemu-tree.sh "$(QEMU)"

# --- the test VM -------------------------------------------------------------------------------------
$B/vm/init: tests/vm/init.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -static -s -o $@ $<

$B/vm/base.cpio: $B/vm/init tools/build/initramfs.sh tests/vm/modules $B/kernel.path
	$(call say,CPIO,$@)
	$(Q)tools/build/initramfs.sh "$$(cat $B/kernel.path)" $< $@

vm-progs-files := $(vm-progs:%=$B/%:/bin/)
# Tests that a test runs itself come along (TEST-with)
vm-test-files := $(foreach t,$(sort $(vm-last-tests) $(vm-tests-wanted) $(foreach t,$(vm-tests-wanted),$($(t)-with))),$(if $(call is-script,$t),,$B/)$t:/$(dir $t))
vm-kernel-files := $(device-kernels:%=$B/%.elf:/usr/lib/seedchip/)
vm-lib-files := $(foreach l,$(shared-libs),$B/$(l):/lib/)
vm-all-files = $(if $(wildcard driver/Kbuild),$B/vm/seedchip.ko:/lib/modules/) \
	$(vm-progs-files) $(vm-test-files) $(vm-kernel-files) $(vm-files)

$B/vm/overlay.list: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(vm-all-files) | cmp -s - $@ || printf '%s\n' $(vm-all-files) >$@

$B/vm/overlay.cpio: $B/vm/overlay.list tools/build/overlay.sh \
		$(foreach f,$(vm-all-files),$(firstword $(subst :, ,$f)))
	$(call say,CPIO,$@)
	$(Q)tools/build/overlay.sh $B/vm/overlay.list $@

vm-ready := $B/kernel.path $B/vm/base.cpio $B/vm/overlay.cpio $(card-so)
run-vm := tests/vm/run-vm $(if $(CARDS),--cards $(CARDS)) $(if $(CARD),--card $(CARD)) \
	$(if $(APPEND),--append "$(APPEND)") $(if $(QEMU_ARGS),--qemu "$(QEMU_ARGS)") \
	$(if $(GDB),--gdb $(GDB))

vm: $(vm-ready)
	@$(run-vm) --shell

host-ready := $(addprefix $O/,$(shared-libs) $(host-progs) $(benches) $(built-tests)) $(device-elfs) \
	$(check-needs) $(foreach t,$(unit-tests) $(host-tests),$($(t)-needs))

# The launcher comes with the options above; the command in the VM decides the exit status.
demo: $(if $(SIM),$(addprefix $O/$(fashion)/,fashion fashion-check fashion_kernel.elf),$(vm-ready))
	@BUILD='$O' RUN_VM='$(if $(SIM),,$(run-vm))' $(fashion)/demo.sh

# --- tests --------------------------------------------------------------------------------------------
# name<TAB>kind<TAB>source<TAB>program, a line per test, for tests/run
$B/tests.list: FORCE
	@mkdir -p $(@D)
	@{ $(foreach t,$(unit-tests) $(host-tests),printf '%s\thost\t%s\t%s\n' $(call test-name,$t) \
			$(if $(call is-script,$t),$t $t,$(firstword $(call srcs,$t)) $O/$t);) \
	   $(foreach t,$(vm-tests),printf '%s\tvm\t%s\t%s\n' $(call test-name,$t) \
			$(if $(call is-script,$t),$t,$(firstword $(call srcs,$t))) /$t;) \
	   $(foreach t,$(vm-last-tests),printf '%s\tvm-last\t%s\t/%s\n' $(call test-name,$t) $t $t;) } >$@

all: $(host-ready) $(addprefix $O/,$(vm-progs)) $(if $(wildcard driver/Kbuild),$(KO)) \
	$(if $(wildcard qemu-device/seedchip-pci.c),$(card-so))

check: $B/tests.list $(host-ready) $(if $(SAN),,$(vm-ready))
	@tests/run $(if $(SAN),--host-only)

# A test that is not a unit test may use anything that is built, unless it says what (TEST-needs).
test-needs := $(addprefix $O/,$(unit-tests-wanted) $(filter-out %.sh %.py,$(host-tests-wanted))) \
	$(foreach t,$(unit-tests-wanted),$($(t)-needs)) \
	$(foreach t,$(host-tests-wanted),$(or $($(t)-needs),$(host-ready))) \
	$(if $(SAN),,$(if $(vm-tests-wanted),$(vm-ready)))

test: $B/tests.list $(test-needs)
	@tests/run $(if $(SAN),--host-only) --verbose "$(T)"

# A build of another kind, with options and jobs of its own. make looks for its own name in the text
# of a recipe, and would run the command even for "make -n".
build-beside = env -u MAKEFLAGS $(MAKE) --no-print-directory

# libFuzzer on one target for TIME seconds: a second build, by clang, with what it needs to see
FUZZ_CC := clang-19
fuzz := $(filter %/$(T),$(fuzz-targets))
fuzz:
	$(Q)$(if $(fuzz),,echo "which one? T=$(notdir $(fuzz-targets))" >&2; exit 1)
	$(Q)$(build-beside) BUILD=$B/fuzz SAN=address,undefined CC=$(FUZZ_CC) \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' WARN= T=$(T) fuzz-program
	@mkdir -p $B/fuzz/corpus/$(T)
	$B/fuzz/$(T) -max_total_time=$(or $(TIME),60) -artifact_prefix=$B/fuzz/ $B/fuzz/corpus/$(T)

fuzz-program: $(patsubst %,$O/%.o,$(basename $(filter-out %/smoke.c,$($(fuzz)-srcs)))) $(call uses,$(fuzz)) $($(fuzz)-needs)
	$(Q)$(CC) -fsanitize=fuzzer,$(SAN) -pthread -o $B/$(T) $(filter %.o %.a,$^) $($(fuzz)-libs) -lm

# Programs that print rows of the table of docs/performance.md
bench: $(addprefix $O/,$(benches-wanted)) $(foreach b,$(benches-wanted),$($(b)-needs))
	@$(if $(benches-wanted),,echo "no benchmark of this name: $(T)" >&2; exit 1;) \
		BUILD='$O' tests/bench/run $(addprefix $O/,$(benches-wanted))

# What launches cost in guest instructions: the other table of that page
bench-launch: $(vm-ready)
	@BUILD='$O' tests/bench/launch.py

# The driver alone, against kernels that are newer than this system; exit status 4: not possible here
check-kernels:
	@tools/build/check-kernels.sh || { s=$$?; [ $$s = 4 ] || exit $$s; }

# The tests that repeat something do it hundreds of times (card_rounds() in tests/kselftest/card.h).
soak: $B/tests.list $(host-ready) $(vm-ready)
	@SOAK=1 tests/run $(or $(T),'kselftest/*')

# The VM tests of the driver on a kernel with KASAN, lockdep, kmemleak and more, in a build beside.
check-debug:
	@$(build-beside) CC='$(CC)' BUILD=build/debug KERNEL=debug-kernel test T=$(or $(T),'kselftest/*')

lint: $B/kernel.path $B/qemu-headers.path
	$(Q)tools/build/lint.sh $(F)

# The user-space part; the driver is built and installed by Kbuild (docs/driver.md, "Using it")
PREFIX := /usr/local
install: $(addprefix $O/,runtime/libseedchip.so $(installed-progs) $(ops:%=%.elf))
	@tools/build/install.sh "$(PREFIX)" "$(DESTDIR)"

uninstall:
	@tools/build/install.sh --remove "$(PREFIX)" "$(DESTDIR)"

clean:
	rm -rf $B

help:
	@sed 1d tools/build/help.txt

.PHONY: all bench bench-launch fuzz fuzz-program check check-debug check-kernels clean demo help install lint qemu-headers \
	qemu-tree soak test uninstall vm FORCE
FORCE:

-include $(shell find $O -name '*.d' -not -path '*/kbuild/*' 2>/dev/null)
