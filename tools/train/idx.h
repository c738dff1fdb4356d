/* SPDX-License-Identifier: MIT */
/*
 * Reader of the two kinds of IDX file that Fashion-MNIST comes in (gzip, through zlib).
 *
 * Owns the images and labels in memory. The invariant: what idx_read() returns has one label
 * below IDX_CLASSES per image, and every image is IDX_PIXELS bytes.
 */
#ifndef SEEDCHIP_TRAIN_IDX_H
#define SEEDCHIP_TRAIN_IDX_H

#include <stddef.h>
#include <stdint.h>

/* Where Debian's package dataset-fashion-mnist puts the files. */
#define IDX_DIR		"/usr/share/datasets/fashion-mnist"

#define IDX_SIDE	28
#define IDX_PIXELS	(IDX_SIDE * IDX_SIDE)
#define IDX_CLASSES	10
#define IDX_MAX_COUNT	100000

/**
 * struct idx_set - images with their labels
 * @count: number of images
 * @pixels: [count][IDX_PIXELS], row-major, 0 is background
 * @labels: [count]
 */
struct idx_set {
	uint32_t count;
	uint8_t *pixels;
	uint8_t *labels;
};

/**
 * idx_read - read one of the data set's halves
 * @set: written on success only; release it with idx_free()
 * @dir: the folder that holds the four files
 * @half: "train" or "t10k"
 * @err: receives one line without newline that names the file and says what is wrong
 * @errlen: size of @err
 *
 * Return: 0, or -1 with @err set.
 */
int idx_read(struct idx_set *set, const char *dir, const char *half, char *err, size_t errlen);

/**
 * idx_free - release what idx_read() allocated
 * @set: the images, zeroed afterwards
 */
void idx_free(struct idx_set *set);

/**
 * idx_class_name - what a label stands for
 * @label: 0 to IDX_CLASSES - 1
 *
 * Return: a short English name.
 */
const char *idx_class_name(unsigned int label);

#endif
