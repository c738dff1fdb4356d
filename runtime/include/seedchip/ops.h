/* SPDX-License-Identifier: MIT */
/*
 * The kernel library: operations of inference, as compute kernels in
 * runtime/kernels. docs/kernels.md has the list.
 *
 * For an operation OP there are
 *
 *	OP.elf				the module, and in it the kernel OP
 *	struct sdo_OP			its argument block
 *	int sdo_OP_dim(args, card, dim)	checks the arguments, sets the grid
 *
 * and to run it:
 *
 *	struct sdo_OP args = { ... };
 *	struct seedchip_dim dim;
 *
 *	sdo_card_of(dev, &card);
 *	r = sdo_OP_dim(&args, &card, &dim);
 *	if (!r)
 *		r = seedchip_launch(queue, kernel, &dim, &args, sizeof(args));
 *
 * Unless a structure says otherwise:
 *
 * - Addresses are addresses of the device; 0 stands for a tensor that is absent,
 *   where one may be. Nothing needs an alignment but what a member says.
 * - Strides are bytes, of any value that does not make elements of an output
 *   overlap.
 * - Inputs and outputs must not overlap. Bytes between the rows of an output
 *   keep their values.
 * - A size of zero is legal: there is nothing to do, or a sum has no terms.
 * - Any NaN in, any NaN out; infinities, signed zeros and subnormals as in IEEE
 *   754. Conversions to a narrower type are those of the matrix engine's stores
 *   (docs/hardware.md 7.3).
 * - Reserved members are zero.
 * - sdo_OP_dim() returns 0, -EINVAL: a member is out of its range, -EOPNOTSUPP:
 *   types that do not go together, or -E2BIG: the card's scratchpad is too
 *   small; seedchip_error() names the member. @dim is written on success only,
 *   flags and tag are zero.
 *
 * A structure says whether results are exact to the bit or within a bound. In
 * both cases the same card gives the same bits each time.
 */
#ifndef SEEDCHIP_OPS_H
#define SEEDCHIP_OPS_H

#include "seedchip/ops_attention.h"
#include "seedchip/ops_data.h"
#include "seedchip/ops_kv.h"
#include "seedchip/ops_matmul.h"
#include "seedchip/ops_nn.h"
#include "seedchip/ops_quant.h"
#include "seedchip/ops_types.h"
#include "seedchip/ops_vision.h"

#endif /* SEEDCHIP_OPS_H */
