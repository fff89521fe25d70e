#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cpu/ahead.h"

/**
 * The loops of `ConvStem`: two convolutions of 3x3 windows, each with bias, ReLU, 2x2 max-pooling and batch
 * norm, on single-channel bytes. Each works on one image, so that what it touches stays in the first-level
 * cache.
 *
 * Channels lie in planes of 16 (kGroup), padded with zero channels. The pooled map of the first convolution
 * is stored [plane][y][x][16], that of the second [y][x][plane][16].
 */
namespace convsweep::cpu {

constexpr size_t kGroup = 16;
constexpr size_t kTaps = 9;
/** Values of a row of pooled windows; rows of `StemShape` are stored at this stride. */
constexpr size_t kRowStride = 32;
constexpr size_t kMaxWidth = 64;

/** `size` in whole groups. */
[[gnu::always_inline]] constexpr size_t wholeGroups(size_t size) {
  return (size + kGroup - 1) / kGroup * kGroup;
}

struct StemShape {
  size_t height, width;    // of the image
  size_t height1, width1;  // of the first pooled map
  size_t height2, width2;  // of the second
  size_t filters1, filters2;
  size_t planes1, planes2;

  [[gnu::always_inline]] size_t positions1() const { return height1 * width1; }
  [[gnu::always_inline]] size_t positions2() const { return height2 * width2; }
  [[gnu::always_inline]] size_t map1() const { return planes1 * positions1() * kGroup; }
  [[gnu::always_inline]] size_t map2() const { return positions2() * planes2 * kGroup; }
  [[gnu::always_inline]] size_t listScratch() const {
    return 3 * wholeGroups(positions2()) * planes2 * kGroup;
  }
};

/**
 * The inked positions of an image's first map, y * 256 + x, in row-major order. A pooled value whose 4x4
 * pixels (10x10 in the second map) are all zero is blank: it only depends on the weights, its winner is its
 * window's first position, and no pixel's weight gets a gradient through it.
 */
struct Ink {
  const uint16_t* positions;
  size_t count;
};

/**
 * A list of products g * x to add up; the offsets say where x begins. Both have room for map2() + kGroup,
 * since whole vectors are stored.
 */
struct Products {
  float* factors;
  int32_t* offsets;
};

/** Where the pooled results of a tile go: its first window's values and winners. */
struct TileTarget {
  float* values;
  uint8_t* winners;
};

/**
 * A Winograd tile of the second convolution: one or two pooling windows high and wide, F(2, 3) or F(4, 3) in
 * each direction. F(4, 3) takes 1.5 products per result, F(2, 3) 2 and the definition 3; larger ones lose too
 * many digits.
 */
struct TileKind {
  bool tall, wide;

  static constexpr size_t kCount = 4;
  [[gnu::always_inline]] constexpr size_t index() const { return 2 * tall + wide; }
  [[gnu::always_inline]] constexpr size_t products() const { return (tall ? 6 : 4) * (wide ? 6 : 4); }
};

struct StemKernels {
  /** Tiles that `secondMultiply` works on at a time. */
  size_t tiles;

  /**
   * Bit x of rows[y] is set where the pixel is not 0. `pixels` here and below: readable 64 bytes past its
   * end.
   */
  void (*inkRows)(const StemShape& shape, const uint8_t* pixels, uint64_t* rows);
  /**
   * The pixels' horizontal Winograd transform F(2, 3), exact in floats: for window x of row y, with d the
   * pixels from 2x on, [y][4][kRowStride]: d0 - d2, d1 + d2, d2 - d1, d1 - d3.
   */
  void (*firstRows)(const StemShape& shape, const uint8_t* pixels, float* rows);
  /**
   * Convolves, pools, clips and subtracts `blank`, the value of a blank position, at the inked positions; the
   * others are left alone: they hold 0. `weights`: [plane][ky][4][16], transformed likewise. `sums`:
   * [2][planes1 * 16], of the results and of their squares; null without training, as `winners`.
   */
  void (*firstForward)(const StemShape& shape, const float* rows, const Ink& ink, const float* weights,
                       const float* bias, const float* blank, const Ahead& ahead, float* values,
                       uint8_t* winners, float* sums);

  /**
   * The Winograd transform of a kernel [9][filters1][planes2 * 16]:
   * transformed[products][plane2][filters1][16].
   */
  void (*secondKernel)(const StemShape& shape, TileKind kind, const float* kernel, float* transformed);
  /** Writes the Winograd transform of the tile that begins at window (y, x) as row `slot` of a batch. */
  void (*secondTile)(const StemShape& shape, TileKind kind, const float* values1, size_t y, size_t x,
                     size_t slot, float* batch);
  /** The matrix products of a batch: products[products][tiles][planes2 * 16]. */
  void (*secondMultiply)(const StemShape& shape, TileKind kind, const float* batch, const float* transformed,
                         float* products);
  /**
   * Transforms `count` tiles back, pools, clips. `sums` of the results less `blank`, as in `firstForward`.
   */
  void (*secondPool)(const StemShape& shape, TileKind kind, const float* products, size_t count,
                     const float* bias, const float* blank, const TileTarget* targets, float* sums);

  /**
   * Sums of gradient and of gradient * (value - mean) over the positions: sums[2][planes2 * 16]. `mean` is
   * padded, the sums of padding are undefined. `gradient` here and below: [y][x][filter], readable 64 bytes
   * past its end.
   */
  void (*secondNormSums)(const StemShape& shape, const float* gradient, const float* values,
                         const float* mean, float* sums);
  /** out[y][x][filter] = value * scale + shift; may write 64 bytes past its end. */
  void (*secondNormalise)(const StemShape& shape, const float* values, const float* scale, const float* shift,
                          float* out);
  /**
   * The gradient at the second convolution's winners, in place of `values`: a * gradient + b * value + c
   * where the value is positive, else 0; `coefficients`: [3][planes2 * 16]. `reach`: per position and place
   * within its window, all bits if the place's patch of the first map has ink, else 0. Without ink the
   * gradient counts in the sums only and is left 0: that patch holds zeros, and nobody asks for its gradient.
   * `sums`: [planes2 * 16].
   */
  void (*secondGradient)(const StemShape& shape, const float* gradient, const float* coefficients,
                         const uint8_t* winners, const int32_t* reach, float* values, float* sums);
  /**
   * Lists, per filter, the positions that have a gradient. Offsets are into a plane of the first map.
   * `begins`: filters2 + 1 indices. `scratch`: listScratch() floats. Gradient and winners: readable four
   * positions past the end.
   */
  void (*listByFilter)(const StemShape& shape, const float* gradient, const uint8_t* winners, float* scratch,
                       const Products& list, uint32_t* begins);
  /** Adds gradient * patch to the sums [plane1][filter2][9][16]. */
  void (*secondWeights)(const StemShape& shape, const float* values1, const Products& list,
                        const uint32_t* begins, const Ahead& ahead, float* sums);
  /**
   * Lists, per position of the second map and place within its window, the filters that have a gradient
   * there. Offsets are into a plane of weights. `begins`: 4 * positions2 + 1 indices.
   */
  void (*listByPosition)(const StemShape& shape, const float* gradient, const uint8_t* winners,
                         const Products& list, uint32_t* begins);
  /** The gradient of the first map, [plane1][y][x][16]. `weights`: [plane1][filter2][9][16]. */
  void (*secondInput)(const StemShape& shape, const float* weights, const Products& list,
                      const uint32_t* begins, const Ahead& ahead, float* gradient1);

  /**
   * For each pixel itself, its right, lower and lower right neighbour: quads[height - 1][width - 1][4], in
   * the rows that the inked positions reach. Writes up to 64 bytes more.
   */
  void (*firstQuads)(const StemShape& shape, const uint8_t* pixels, const Ink& ink, float* quads);
  /**
   * With x = value + blank and g = a * gradient + b * x + c where x is positive, else 0, over the inked
   * positions of one image: adds g * pixels to weights[plane1][9][16], and to sums[2][planes1 * 16] g and the
   * incoming gradient.
   */
  void (*firstWeights)(const StemShape& shape, const float* quads, const Ink& ink, const float* gradient,
                       const float* values, const uint8_t* winners, const float* blank,
                       const float* coefficients, float* weights, float* sums);
};

}  // namespace convsweep::cpu
