#pragma once

#include "cpu/stem/kernels.h"

/** The kernels of stem/kernels.h in the instruction set that the including file is compiled for. */
namespace convsweep::cpu::CONVSWEEP_ISA {

/** StemKernels::tiles: a multiple of the tiles whose products stay in registers. */
#if defined(__AVX512F__)
constexpr size_t kTiles = 13;
#else
constexpr size_t kTiles = 12;
#endif

void inkRows(const StemShape&, const uint8_t* pixels, uint64_t* rows);
void firstRows(const StemShape&, const uint8_t* pixels, float* rows);
void firstForward(const StemShape&, const float* rows, const Ink&, const float* weights, const float* bias,
                  const float* blank, const Ahead&, float* values, uint8_t* winners, float* sums);
void secondKernel(const StemShape&, TileKind, const float* kernel, float* transformed);
void secondTile(const StemShape&, TileKind, const float* values1, size_t y, size_t x, size_t slot,
                float* batch);
void secondMultiply(const StemShape&, TileKind, const float* batch, const float* transformed,
                    float* products);
void secondPool(const StemShape&, TileKind, const float* products, size_t count, const float* bias,
                const float* blank, const TileTarget* targets, float* sums);
void secondNormalise(const StemShape&, const float* values, const float* scale, const float* shift,
                     float* out);
void secondNormSums(const StemShape&, const float* gradient, const float* values, const float* mean,
                    float* sums);
void secondGradient(const StemShape&, const float* gradient, const float* coefficients,
                    const uint8_t* winners, const int32_t* reach, float* values, float* sums);
void listByFilter(const StemShape&, const float* gradient, const uint8_t* winners, float* scratch,
                  const Products& list, uint32_t* begins);
void secondWeights(const StemShape&, const float* values1, const Products& list, const uint32_t* begins,
                   const Ahead&, float* sums);
void listByPosition(const StemShape&, const float* gradient, const uint8_t* winners, const Products& list,
                    uint32_t* begins);
void secondInput(const StemShape&, const float* weights, const Products& list, const uint32_t* begins,
                 const Ahead&, float* gradient1);
void firstQuads(const StemShape&, const uint8_t* pixels, const Ink&, float* quads);
void firstWeights(const StemShape&, const float* quads, const Ink&, const float* gradient,
                  const float* values, const uint8_t* winners, const float* blank, const float* coefficients,
                  float* weights, float* sums);

}  // namespace convsweep::cpu::CONVSWEEP_ISA
