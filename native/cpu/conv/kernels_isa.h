#pragma once

#include "cpu/conv/kernels.h"

/** The kernels of conv/kernels.h in the instruction set that the including file is compiled for. */
namespace convsweep::cpu::CONVSWEEP_ISA {

size_t packedSize(size_t depth, size_t filters);
void pack(const float* kernel, const float* bias, size_t depth, size_t filters, size_t count, float* packed);
void correlate(const Windows&, const PackedKernel&, bool relu, float* to, size_t stride, bool padded);
void weightSums(const Windows&, const float* gradient, size_t filters, size_t stride, float* sums);
void inkOf(const float* image, const Extent&, Span* ink);
void repeat(const float* values, size_t columns, size_t rows, float* to, size_t stride);
void toPlanes(const float* map, const PlaneLayout&, float* planes);
void correlatePlanes(const PlaneWindows&, const float* kernel, size_t filters, const float* bias, bool relu,
                     float* to, size_t stride);
void planeSums(const PlaneWindows&, const float* gradient, const PlaneLayout& gradients, float* sums);
void tileInputs(const float* map, const Extent&, int y, int x, size_t step, float* to);
void tileResults(size_t window, const float* products, size_t step, size_t filters, const float* bias,
                 bool relu, TileResults, float* to, size_t pitch, size_t stride, bool padded);
void tileGradients(size_t window, const float* gradient, size_t pitch, size_t filters, TileResults,
                   size_t step, float* to);
void tileKernel(size_t window, const float* kernel, size_t channels, size_t filters, float* to);
void tileKernelGradient(size_t window, const float* sums, size_t channels, size_t filters, float* to);
void listByFilter(const float* gradient, const int32_t* winners, size_t positions, size_t filters,
                  const WinnerList&, size_t listStep, uint32_t* counts);
void addPatches(const float* image, size_t pitch, size_t rows, size_t run, size_t filters, const WinnerList&,
                size_t listStep, const uint32_t* counts, float* sums);
size_t listByPatch(const PoolSpec&, const float* gradient, const int32_t* winners, size_t lineStep,
                   size_t step, size_t kernelStep, const WinnerList&, Patch* patches);
void spread(const float* kernel, size_t pitch, size_t rows, size_t run, const WinnerList&,
            const Patch* patches, size_t count, float* image);

}  // namespace convsweep::cpu::CONVSWEEP_ISA
