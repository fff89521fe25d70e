#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/plan.h"

/**
 * The loops of the convolution block. Maps are stored [y][x][channel], so that a row of a window is one run
 * of neighbours: window width x channels. Padding lies in the images themselves, which are copied into a
 * frame of zeros where there is any.
 */
namespace convsweep::cpu {

/** Floats behind an array that a vector may reach. */
constexpr size_t kSlack = 16;

/**
 * Windows of `rows` runs each, the runs `pitch` apart; the windows of a line `step` apart, the lines
 * `lineStep`.
 */
struct Windows {
  const float* first;
  size_t lines, count;
  size_t lineStep, step, pitch;
  size_t rows, run;

  [[gnu::always_inline]] constexpr size_t depth() const { return rows * run; }
};

/**
 * A kernel [depth][filters] and its bias as `correlate` reads them, packed for lines of about `count`
 * windows.
 */
struct PackedKernel {
  const float* data;
  size_t filters, count;
};

/** A map as planes [channel][y][x] within zeros, `rows` lines of `pitch` floats each. */
struct PlaneLayout {
  size_t channels, height, width;
  size_t top, left, pitch, rows;

  [[gnu::always_inline]] constexpr size_t size() const { return rows * pitch; }
  /** Floats of memory, with those behind the planes that a vector may reach. */
  [[gnu::always_inline]] constexpr size_t scratch() const { return channels * size() + kSlack; }
};

/** Windows of `rows` x `columns` over planes, `size` floats each: `lines` of `count` neighbours. */
struct PlaneWindows {
  const float* first;
  size_t lines, count;
  size_t pitch, size;
  size_t rows, columns, channels;
};

/** Of a line, what begins at `begin` and ends before `end`; both are 0 where it is empty. */
struct Span {
  uint32_t begin, end;
};

/** What a pooled value's gradient is multiplied with begins at `offsets`. */
struct WinnerList {
  float* factors;
  int32_t* offsets;
};

/** The factors [begin, the next patch's begin) belong to the patch at `offset`. */
struct Patch {
  int32_t offset;
  uint32_t begin;
};

/** Winograd tiles have 6 x 6 inputs: 4 x 4 results of a window of 3 x 3, or 2 x 2 of one of 5 x 5. */
constexpr size_t kTileSide = 6;
constexpr size_t kTileSize = kTileSide * kTileSide;

[[gnu::always_inline]] constexpr size_t resultsSide(size_t window) {
  return kTileSide + 1 - window;
}

/** The part of a tile's results that lies in the map. */
struct TileResults {
  size_t rows, columns;
};

struct ConvKernels {
  /** Floats of a vector. */
  size_t lanes;

  /** Floats of a packed kernel. */
  size_t (*packedSize)(size_t depth, size_t filters);
  /** Packs `kernel` [depth][filters] and `bias`, which may be null, for lines of `count` windows. */
  void (*pack)(const float* kernel, const float* bias, size_t depth, size_t filters, size_t count,
               float* packed);
  /**
   * One line of windows: to[window][filter] = bias + window . kernel, then max(., 0) if `relu`. Windows of
   * `to` are `stride` apart. Whole vectors of filters are written if `padded`, else nothing past `filters`.
   */
  void (*correlate)(const Windows& windows, const PackedKernel& packed, bool relu, float* to, size_t stride,
                    bool padded);
  /**
   * sums[depth][filters in whole vectors] += window x gradient over all windows. `gradient`:
   * [line][window][filter], windows `stride` apart, readable a vector past its end.
   */
  void (*weightSums)(const Windows& windows, const float* gradient, size_t filters, size_t stride,
                     float* sums);

  /** Of each line, the pixels outside of which all is 0. */
  void (*inkOf)(const float* image, const Extent& extent, Span* ink);
  /** to[row][column] = values[column], rows `stride` apart. `values`: readable in whole vectors. */
  void (*repeat)(const float* values, size_t columns, size_t rows, float* to, size_t stride);

  // Windows in vectors.

  /** Writes the map to `planes`, to.scratch() floats; the zeros around it are there already. */
  void (*toPlanes)(const float* map, const PlaneLayout& to, float* planes);
  /**
   * One line of windows: to[window][filter] = bias + window . kernel, then max(., 0) if `relu`. Windows of
   * `to` are `stride` apart; `kernel`: [y][x][channel][filter]; `bias` may be null.
   */
  void (*correlatePlanes)(const PlaneWindows& windows, const float* kernel, size_t filters, const float* bias,
                          bool relu, float* to, size_t stride);
  /**
   * sums[y][x][channel][filter][lane] += window x gradient over all windows. Lines of `gradient` are whole
   * vectors, with zeros behind the last window.
   */
  void (*planeSums)(const PlaneWindows& windows, const float* gradient, const PlaneLayout& gradients,
                    float* sums);

  // Winograd's algorithm. The transforms of a tile are in whole vectors of channels, its 36 products `step`
  // apart.

  /** The transform of 6 x 6 positions of a map from (y, x) on; outside the map lie zeros. */
  void (*tileInputs)(const float* map, const Extent& extent, int y, int x, size_t step, float* to);
  /** From products to results [y][x][filter] in the map, lines `pitch` and windows `stride` apart. */
  void (*tileResults)(size_t window, const float* products, size_t step, size_t filters, const float* bias,
                      bool relu, TileResults part, float* to, size_t pitch, size_t stride, bool padded);
  /**
   * The transform of a tile of gradients, laid out as those results; what lies outside the map counts as 0.
   */
  void (*tileGradients)(size_t window, const float* gradient, size_t pitch, size_t filters, TileResults part,
                        size_t step, float* to);
  /** The transform of a kernel [window][window][channel][filter]: to[product][channel][filter]. */
  void (*tileKernel)(size_t window, const float* kernel, size_t channels, size_t filters, float* to);
  /**
   * The gradient of the kernel from that of its transform, sums[product][channel][filter in whole vectors].
   */
  void (*tileKernelGradient)(size_t window, const float* sums, size_t channels, size_t filters, float* to);

  /**
   * Lists, per filter, the gradients that are not 0 and whose winner is not -1: counts[f] from f * listStep
   * on. A list has room for all positions and a vector past them.
   */
  void (*listByFilter)(const float* gradient, const int32_t* winners, size_t positions, size_t filters,
                       const WinnerList& list, size_t listStep, uint32_t* counts);
  /**
   * sums[filter][rows][run in whole vectors] += gradient * patch. `image`: readable a vector past its end.
   */
  void (*addPatches)(const float* image, size_t pitch, size_t rows, size_t run, size_t filters,
                     const WinnerList& list, size_t listStep, const uint32_t* counts, float* sums);
  /**
   * Lists, per patch that has one, the gradients that are not 0; `offsets` of the list count filters *
   * `kernelStep`. Returns the number of patches, behind which one more marks the end.
   */
  size_t (*listByPatch)(const PoolSpec& pool, const float* gradient, const int32_t* winners, size_t lineStep,
                        size_t step, size_t kernelStep, const WinnerList& list, Patch* patches);
  /** Adds gradient * kernel to each patch. `kernel`: [filter][rows][run in whole vectors]. */
  void (*spread)(const float* kernel, size_t pitch, size_t rows, size_t run, const WinnerList& list,
                 const Patch* patches, size_t count, float* image);
};

}  // namespace convsweep::cpu
