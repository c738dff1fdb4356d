/* SPDX-License-Identifier: MIT */
/*
 * Operations on images: conv2d, dwconv2d, pool2d, resize. Conventions are those
 * of ops.h. Layout is NHWC; copy makes it of NCHW and back. Constants are what a
 * kernel and its sdo_OP_dim() agree on; nothing else depends on them.
 */
#ifndef SEEDCHIP_OPS_VISION_H
#define SEEDCHIP_OPS_VISION_H

#include "seedchip/ops_data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- windows over images: conv2d, dwconv2d, pool2d ---- */

/**
 * struct sdo_window - images, and the window that slides over them (NHWC)
 * @src: @n images of @h rows of @w pixels of @c channels; channels are dense
 * @dst: @n images of @oh rows of @ow pixels; channels are dense
 * @src_stride: bytes from image to image, row to row, pixel to pixel; the latter two below
 *		2^32, also times @stride
 * @dst_stride: the same of the output; the latter two below 2^32
 * @n: images; 0 does nothing
 * @h: rows of the input
 * @w: columns of the input
 * @c: channels, not 0
 * @oh: rows of the output: any number, as all outside of the image counts as padding
 * @ow: columns of the output, likewise
 * @kh: rows of the window, 1 to 255
 * @kw: its columns, 1 to 255
 * @stride: vertical, horizontal step of the window, 1 to 65535
 * @pad: pixels of padding above and left of the image, below 65536
 * @dilation: distance of the window's rows, columns, 1 to 65535
 *
 * Output (y, x) sees the inputs (y * stride[0] - pad[0] + i * dilation[0],
 * x * stride[1] - pad[1] + j * dilation[1]), 0 <= i < kh, 0 <= j < kw.
 */
struct sdo_window {
	uint64_t src;
	uint64_t dst;
	uint64_t src_stride[3];
	uint64_t dst_stride[3];
	uint32_t n;
	uint32_t h;
	uint32_t w;
	uint32_t c;
	uint32_t oh;
	uint32_t ow;
	uint32_t kh;
	uint32_t kw;
	uint32_t stride[2];
	uint32_t pad[2];
	uint32_t dilation[2];
};

/* Elements of one channel that one output may see: rows and columns as the kernels hold them. */
static inline uint64_t sdo_window_reach(const struct sdo_window *w, int axis, uint32_t k)
{
	uint32_t phases = k < w->stride[axis] ? k : w->stride[axis];

	return (uint64_t)phases * ((k - 1) * w->dilation[axis] / w->stride[axis] + 1);
}

#ifdef SDO_HOST
static inline int sdo_check_window(const char *op, const struct sdo_window *w)
{
	const uint32_t k[2] = { w->kh, w->kw };

	for (int i = 0; i < 2; i++) {
		if (!k[i] || k[i] > 255)
			return sdo_refuse(-EINVAL, "%s: k%c %u: not from 1 to 255", op, "hw"[i],
					  k[i]);
		if (!w->stride[i] || w->stride[i] >> 16 || !w->dilation[i] ||
		    w->dilation[i] >> 16 || w->pad[i] >> 16)
			return sdo_refuse(-EINVAL, "%s: stride[%d] %u, dilation %u or pad %u", op,
					  i, w->stride[i], w->dilation[i], w->pad[i]);
		if (w->src_stride[i + 1] >> 32 || w->dst_stride[i + 1] >> 32 ||
		    (w->stride[i] * w->src_stride[i + 1]) >> 32)
			return sdo_refuse(-EINVAL, "%s: src_stride[%d] or dst_stride: too large",
					  op, i + 1);
	}
	if (!w->c)
		return sdo_refuse(-EINVAL, "%s: c is 0", op);
	if ((uint64_t)w->n * w->oh >> 31 || w->ow >> 31)
		return sdo_refuse(-EINVAL, "%s: n x oh or ow: not below 2^31", op);
	return 0;
}

static inline int sdo_check_reach(const char *op, uint64_t reach, uint32_t type, uint32_t bytes)
{
	reach *= sdo_type_bits(type) / 8;
	return reach <= bytes ? 0 :
	       sdo_refuse(-EINVAL, "%s: an output sees %llu bytes of a channel, at most %u", op,
			  (unsigned long long)reach, bytes);
}
#endif

/* ---- conv2d ---- */

#define SDO_CONV_TILES	 8	/* accumulators of a unit; two units at a time */
#define SDO_CONV_SLAB	 196608 /* bytes of input; two such buffers */
#define SDO_CONV_WEIGHTS 32768	/* bytes of weights; three */
#define SDO_CONV_CHUNK	 256	/* bytes of a pixel that are multiplied together */
#define SDO_CONV_STAGE	 131072 /* bytes of output; two */

/**
 * struct sdo_conv2d - 2-D convolution
 * @win: images; the padding is zero; the elements that one output sees of a channel
 *	 must fit into 192 KiB
 * @weight: dense [kh][kw][c / @groups][@k] of @type; group g has output channels
 *	    g x @k / @groups and up, and the input channels likewise
 * @bias: @k values, i32 for I8, else f32; 0: none
 * @scale: f32 factor of each output channel; 0: none
 * @k: output channels; 0 does nothing
 * @groups: divides c and @k
 * @low: with @clamp: v < low ? low : v > high ? high : v (NaN stays), in @dst_type
 * @high: 0 and infinity are ReLU
 * @type: of input and weights: I8, F16, BF16, E4M3, E5M2 or F32
 * @dst_type: I8 (needs @scale), I32 (only for I8, without @scale and @clamp), F16, BF16,
 *	    E4M3, E5M2 or F32
 * @clamp: 1: results lie from @low to @high
 * @reserved: 0
 *
 * dst = clamp((bias + sum of input x weight) x scale). The sum is exact for I8 (wraps
 * in 32 bits). Else it begins with the bias, or +0, and is a chain of f32 FMAs: chunks
 * of sdo_conv2d_chunk() channels, in each the taps row by row, for each of them the
 * channels (fp8: pairs of these, see docs/kernels.md). I8 to a float with a scale:
 * the sum is rounded to f32, multiplied, and converted.
 */
struct sdo_conv2d {
	struct sdo_window win;
	uint64_t weight;
	uint64_t bias;
	uint64_t scale;
	uint32_t k;
	uint32_t groups;
	float low;
	float high;
	uint8_t type;
	uint8_t dst_type;
	uint8_t clamp;
	uint8_t reserved[5];
};

/* Elements of one channel that one output sees, as conv2d holds them. */
static inline uint64_t sdo_conv2d_reach(const struct sdo_window *w)
{
	uint32_t step = w->kw == 1 ? 1 : w->stride[1];

	return sdo_window_reach(w, 0, w->kh) * ((w->kw - 1) * w->dilation[1] / step + 1) * step;
}

/* Channels of a group that are multiplied together: 256 bytes of them, or what fits. */
static inline uint32_t sdo_conv2d_chunk(const struct sdo_conv2d *a)
{
	uint32_t size = sdo_type_bits(a->type) / 8, c = a->win.c / a->groups;
	uint64_t fits = SDO_CONV_SLAB / (sdo_conv2d_reach(&a->win) * size);

	if (fits > SDO_CONV_CHUNK / size)
		fits = SDO_CONV_CHUNK / size;
	return c < fits ? c : (uint32_t)fits;
}

#ifdef SDO_HOST
/**
 * sdo_conv2d_dim() - check the arguments of conv2d, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_conv2d_dim(const struct sdo_conv2d *a, const struct sdo_card *card,
				 struct seedchip_dim *dim)
{
	const struct sdo_window *w = &a->win;
	int r;

	if (!sdo_is_narrow_type(a->type) || !sdo_is_data_type(a->dst_type))
		return sdo_refuse(-EINVAL, "conv2d: type %u, dst_type %u", a->type, a->dst_type);
	if (a->dst_type == SDO_I8 && !a->scale)
		return sdo_refuse(-EOPNOTSUPP, "conv2d: dst_type I8 needs scale");
	if (a->dst_type == SDO_I32 && (a->type != SDO_I8 || a->scale || a->clamp))
		return sdo_refuse(-EOPNOTSUPP, "conv2d: dst_type I32: only plain I8");
	r = sdo_check_window("conv2d", w);
	if (!r)
		r = sdo_check_reserved("conv2d", a->reserved, sizeof(a->reserved));
	if (r)
		return r;
	if (!a->groups || w->c % a->groups || a->k % a->groups)
		return sdo_refuse(-EINVAL, "conv2d: groups %u: does not divide c %u and k %u",
				  a->groups, w->c, a->k);
	r = sdo_check_reach("conv2d", sdo_conv2d_reach(w), a->type, SDO_CONV_SLAB);
	if (r)
		return r;
	return sdo_grid("conv2d", card, w->n && w->oh && w->ow && a->k ? card->cores : 0, 1,
			2 * SDO_CONV_SLAB + 3 * SDO_CONV_WEIGHTS + 2 * SDO_CONV_STAGE, 0, dim);
}
#endif

/* ---- dwconv2d and pool2d ---- */

#define SDO_WINDOW_SLAB	 262144 /* bytes of input; two such buffers */
#define SDO_WINDOW_STAGE 98304	/* bytes of output; two */
#define SDO_WINDOW_TAPS	 131072 /* bytes of weights, as vectors use them */
#define SDO_WINDOW_RUN	 512	/* elements of a vector of several pixels */
#define SDO_WINDOW_MAX	 4096	/* elements of a window */
#define SDO_WINDOW_STATIC 71680 /* bytes of static scratchpad and a larger stack */

/**
 * struct sdo_dwconv2d - depthwise 2-D convolution: each channel with its own kernel
 * @win: images; the padding is zero; kh x kw at most 4096, and the elements that one
 *	 output sees of a channel must fit into 256 KiB
 * @weight: dense [kh][kw][c] of @type
 * @bias: c values, i32 for I8, else f32; 0: none
 * @scale: f32 factor of each channel; 0: none
 * @low: with @clamp, as in struct sdo_conv2d, but before the conversion to @dst_type
 * @high: likewise
 * @type: I8, F16, BF16 or F32
 * @dst_type: I8, F16, BF16, E4M3, E5M2 or F32; from I8 also I32 (without @scale and @clamp)
 * @clamp: 1: results lie from @low to @high
 * @reserved: 0
 *
 * dst = clamp((bias + sum) x scale). The sum begins with the bias, or +0, and takes
 * the taps row by row with one f32 FMA each; for I8 it is exact and then rounded
 * to f32.
 */
struct sdo_dwconv2d {
	struct sdo_window win;
	uint64_t weight;
	uint64_t bias;
	uint64_t scale;
	float low;
	float high;
	uint8_t type;
	uint8_t dst_type;
	uint8_t clamp;
	uint8_t reserved[5];
};

#ifdef SDO_HOST
static inline int sdo_window_grid(const char *op, const struct sdo_window *w, uint32_t type,
				  const struct sdo_card *card, struct seedchip_dim *dim)
{
	int r = sdo_check_window(op, w);

	if (r)
		return r;
	if (w->kh * w->kw > SDO_WINDOW_MAX)
		return sdo_refuse(-EINVAL, "%s: kh x kw %u: above %u", op, w->kh * w->kw,
				  SDO_WINDOW_MAX);
	r = sdo_check_reach(op, sdo_window_reach(w, 0, w->kh) * sdo_window_reach(w, 1, w->kw), type,
			    SDO_WINDOW_SLAB);
	if (r)
		return r;
	return sdo_grid(op, card, w->n && w->oh && w->ow ? card->cores : 0, 1,
			2 * SDO_WINDOW_SLAB + 2 * SDO_WINDOW_STAGE + SDO_WINDOW_TAPS,
			SDO_WINDOW_STATIC, dim);
}

/**
 * sdo_dwconv2d_dim() - check the arguments of dwconv2d, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_dwconv2d_dim(const struct sdo_dwconv2d *a, const struct sdo_card *card,
				   struct seedchip_dim *dim)
{
	int r = sdo_check_reserved("dwconv2d", a->reserved, sizeof(a->reserved));

	if (r)
		return r;
	if ((a->type != SDO_I8 && a->type != SDO_F16 && a->type != SDO_BF16 &&
	     a->type != SDO_F32) || !sdo_is_data_type(a->dst_type))
		return sdo_refuse(-EINVAL, "dwconv2d: type %u, dst_type %u", a->type, a->dst_type);
	if (a->dst_type == SDO_I32 && (a->type != SDO_I8 || a->scale || a->clamp))
		return sdo_refuse(-EOPNOTSUPP, "dwconv2d: dst_type I32: only plain I8");
	return sdo_window_grid("dwconv2d", &a->win, a->type, card, dim);
}
#endif

/**
 * enum sdo_pool - what becomes of the elements in a window
 * @SDO_POOL_MAX: the largest
 * @SDO_POOL_AVG: their mean
 */
enum sdo_pool { SDO_POOL_MAX, SDO_POOL_AVG };

/**
 * struct sdo_pool2d - largest or mean element of each window
 * @win: images; kh x kw at most 4096, and the elements that one output sees of a
 *	 channel must fit into 256 KiB; global pooling is a window of the whole image
 * @type: of input and output: I8, F16, BF16, E4M3, E5M2 or F32
 * @mode: enum sdo_pool
 * @count_pad: AVG: divide by kh x kw; else by the number of elements inside of the image
 * @reserved: 0
 *
 * MAX leaves out the padding and NaNs, unless there is nothing else: then it is NaN
 * (I8: -128). AVG adds in f32, row by row, divides, and converts; a window that lies
 * outside of the image gives NaN (I8: 127), or 0 with @count_pad.
 */
struct sdo_pool2d {
	struct sdo_window win;
	uint8_t type;
	uint8_t mode;
	uint8_t count_pad;
	uint8_t reserved[5];
};

#ifdef SDO_HOST
/**
 * sdo_pool2d_dim() - check the arguments of pool2d, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_pool2d_dim(const struct sdo_pool2d *a, const struct sdo_card *card,
				 struct seedchip_dim *dim)
{
	int r = sdo_check_reserved("pool2d", a->reserved, sizeof(a->reserved));

	if (r)
		return r;
	if (!sdo_is_narrow_type(a->type) || a->mode > SDO_POOL_AVG)
		return sdo_refuse(-EINVAL, "pool2d: type %u, mode %u", a->type, a->mode);
	return sdo_window_grid("pool2d", &a->win, a->type, card, dim);
}
#endif

/* ---- resize ---- */

#define SDO_RESIZE_INPUT    589824 /* bytes of two blocks of input, and a table of columns */
#define SDO_RESIZE_MIXED    65536  /* bytes of a mixture of rows */
#define SDO_RESIZE_STAGE    32768  /* bytes of output; two */
#define SDO_RESIZE_CHANNELS 1024   /* channels of a block */
#define SDO_RESIZE_ROWS	    64	   /* rows of it */
#define SDO_RESIZE_LANES    512	   /* elements of a pixel of several rows */

/**
 * enum sdo_resize_mode - what an output takes
 * @SDO_RESIZE_NEAREST: the input before its place
 * @SDO_RESIZE_BILINEAR: the four inputs around it, weighted
 */
enum sdo_resize_mode { SDO_RESIZE_NEAREST, SDO_RESIZE_BILINEAR };

/**
 * enum sdo_resize_coordinates - where output o looks, on an axis of in inputs and out outputs
 * @SDO_RESIZE_HALF_PIXEL: at (o + 0.5) x (in / out) - 0.5; nearest: without the - 0.5
 * @SDO_RESIZE_ALIGN_CORNERS: at o x ((in - 1) / (out - 1)), 0 if out is 1; nearest: + 0.5
 * @SDO_RESIZE_ASYMMETRIC: at o x (in / out)
 */
enum sdo_resize_coordinates {
	SDO_RESIZE_HALF_PIXEL,
	SDO_RESIZE_ALIGN_CORNERS,
	SDO_RESIZE_ASYMMETRIC,
};

/**
 * struct sdo_resize - images of another size
 * @src: @n images of @h rows of @w pixels of @c channels of @type; channels are dense
 * @dst: @n images of @oh rows of @ow pixels
 * @src_stride: bytes from image to image, row to row, pixel to pixel; the last one below 2^32
 * @dst_stride: the same of the output
 * @n: images; 0 does nothing
 * @h: rows of the input, at most 2^20; not 0 unless there is no output
 * @w: columns of the input, likewise
 * @c: channels; 0 does nothing
 * @oh: rows of the output, at most 2^20
 * @ow: columns of the output, likewise
 * @type: I8, F16, BF16, E4M3, E5M2 or F32
 * @mode: enum sdo_resize_mode
 * @coordinates: enum sdo_resize_coordinates
 * @reserved: 0
 *
 * A place x is computed in f32 in the order written, and is at least 0. Its
 * neighbours are i = floor(x) and i + 1, neither beyond the last input. NEAREST takes
 * i, bit for bit. BILINEAR, in f32, with f = x - i:
 * fma(f, lower, upper x (1 - f)) for the rows, then the same for the columns of
 * these, and converts. NCHW images: give @n x channels as @n, and 1 as @c.
 */
struct sdo_resize {
	uint64_t src;
	uint64_t dst;
	uint64_t src_stride[3];
	uint64_t dst_stride[3];
	uint32_t n;
	uint32_t h;
	uint32_t w;
	uint32_t c;
	uint32_t oh;
	uint32_t ow;
	uint8_t type;
	uint8_t mode;
	uint8_t coordinates;
	uint8_t reserved[5];
};

#ifdef SDO_HOST
/**
 * sdo_resize_dim() - check the arguments of resize, and compute its grid
 * @a: arguments
 * @card: what it will run on
 * @dim: grid, flags and scratchpad, for seedchip_launch()
 *
 * Return: 0; -EINVAL: a member is out of its range; -EOPNOTSUPP: types that do not go together;
 * -E2BIG: the scratchpad is too small.
 */
static inline int sdo_resize_dim(const struct sdo_resize *a, const struct sdo_card *card,
				 struct seedchip_dim *dim)
{
	int some = a->n && a->oh && a->ow && a->c;
	int r = sdo_check_stride("resize", "src_stride[2]", a->src_stride[2]);

	if (!sdo_is_narrow_type(a->type) || a->mode > SDO_RESIZE_BILINEAR ||
	    a->coordinates > SDO_RESIZE_ASYMMETRIC)
		return sdo_refuse(-EINVAL, "resize: type %u, mode %u, coordinates %u", a->type,
				  a->mode, a->coordinates);
	if ((a->h | a->w | a->oh | a->ow) > 1u << 20)
		return sdo_refuse(-EINVAL, "resize: %u x %u to %u x %u: above 2^20", a->h, a->w,
				  a->oh, a->ow);
	if (some && (!a->h || !a->w))
		return sdo_refuse(-EINVAL, "resize: no input for %u x %u", a->oh, a->ow);
	if (!r)
		r = sdo_check_stride("resize", "dst_stride[2]", a->dst_stride[2]);
	if (!r)
		r = sdo_check_reserved("resize", a->reserved, sizeof(a->reserved));
	return r ? r : sdo_grid("resize", card, some ? card->cores : 0, 1,
				SDO_RESIZE_INPUT + SDO_RESIZE_MIXED + 2 * SDO_RESIZE_STAGE, 0, dim);
}
#endif

#ifdef __cplusplus
}
#endif

#endif /* SEEDCHIP_OPS_VISION_H */
