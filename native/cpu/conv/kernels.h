#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/plan.h"

/**
 * The loops of the convolution block. Maps are stored [y][x][channel], so that a row of a window is one run of
 * neighbours: window width x channels. Padding lies in the images themselves, which are copied into a frame of zeros
 * where there is any.
 */
namespace convsweep::cpu {

/** Windows of `rows` runs each, the runs `pitch` apart; the windows of a line `step` apart, the lines `lineStep`. */
struct Windows {
  const float* first;
  size_t lines, count;
  size_t lineStep, step, pitch;
  size_t rows, run;

  constexpr size_t depth() const { return rows * run; }
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

struct ConvKernels {
  /** Floats of a vector. */
  size_t lanes;

  /** Floats of a packed kernel. */
  size_t (*packedSize)(size_t depth, size_t filters);
  /** Packs `kernel` [depth][filters] and `bias`, which may be null, for lines of `count` windows. */
  void (*pack)(const float* kernel, const float* bias, size_t depth, size_t filters, size_t count, float* packed);
  /**
   * One line of windows: to[window][filter] = bias + window . kernel, then max(., 0) if `relu`. Windows of `to` are
   * `stride` apart. Whole vectors of filters are written if `padded`, else nothing past `filters`.
   */
  void (*correlate)(const Windows& windows, const float* packed, size_t filters, bool relu, float* to, size_t stride,
                    bool padded);
  /**
   * sums[depth][filters in whole vectors] += window x gradient over all windows. `gradient`: [line][window][filter],
   * windows `stride` apart, readable a vector past its end.
   */
  void (*weightSums)(const Windows& windows, const float* gradient, size_t filters, size_t stride, float* sums);

  /**
   * Row `y` of the pooled map. `map`: [y][x][filters in whole vectors]. `winners`: where the patch of the window's
   * first largest value begins, y * lineStep + x * step of the map's position; null in inference.
   */
  void (*poolRow)(const PoolSpec& pool, const float* map, size_t y, bool relu, size_t lineStep, size_t step, float* to,
                  int32_t* winners);

  /** Lists, per filter, the gradients that are not 0. `begins`: filters + 1 indices. */
  void (*listByFilter)(const float* gradient, const int32_t* winners, size_t positions, size_t filters,
                       const WinnerList& list, uint32_t* begins);
  /** sums[filter][rows][run in whole vectors] += gradient * patch. `image`: readable a vector past its end. */
  void (*addPatches)(const float* image, size_t pitch, size_t rows, size_t run, size_t filters, const WinnerList& list,
                     const uint32_t* begins, float* sums);
  /**
   * Lists, per patch that has one, the gradients that are not 0; `offsets` of the list count filters * `kernelStep`.
   * Returns the number of patches, behind which one more marks the end.
   */
  size_t (*listByPatch)(const PoolSpec& pool, const float* gradient, const int32_t* winners, size_t lineStep,
                        size_t step, size_t kernelStep, const WinnerList& list, Patch* patches);
  /** Adds gradient * kernel to each patch. `kernel`: [filter][rows][run in whole vectors]. */
  void (*spread)(const float* kernel, size_t pitch, size_t rows, size_t run, const WinnerList& list,
                 const Patch* patches, size_t count, float* image);
};

}  // namespace convsweep::cpu
