// The tables of kernels. Compiled once per instruction set with CONVSWEEP_ISA naming it. Nothing in such a
// file may instantiate a standard template or call an inline function of another header, unless that is
// always inlined: the linker keeps one copy of each, and a copy compiled for AVX-512 would crash an older
// processor.
#include "cpu/conv/kernels_isa.h"

#include "cpu/dense/kernels_isa.h"
#include "cpu/elementwise/kernels_isa.h"
#include "cpu/kernels.h"
#include "cpu/norm/kernels_isa.h"
#include "cpu/pool/kernels_isa.h"
#include "cpu/simd.h"
#include "cpu/stem/kernels_isa.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

#define CONVSWEEP_TEXT(x) #x
#define CONVSWEEP_NAME(x) CONVSWEEP_TEXT(x)

const StemKernels stemTable = {
    .tiles = kTiles,
    .inkRows = inkRows,
    .firstRows = firstRows,
    .firstForward = firstForward,
    .secondKernel = secondKernel,
    .secondTile = secondTile,
    .secondMultiply = secondMultiply,
    .secondPool = secondPool,
    .secondNormSums = secondNormSums,
    .secondNormalise = secondNormalise,
    .secondGradient = secondGradient,
    .listByFilter = listByFilter,
    .secondWeights = secondWeights,
    .listByPosition = listByPosition,
    .secondInput = secondInput,
    .firstQuads = firstQuads,
    .firstWeights = firstWeights,
};

const ConvKernels convTable = {
    .lanes = kLanes,
    .packedSize = packedSize,
    .pack = pack,
    .correlate = correlate,
    .weightSums = weightSums,
    .inkOf = inkOf,
    .repeat = repeat,
    .toPlanes = toPlanes,
    .correlatePlanes = correlatePlanes,
    .planeSums = planeSums,
    .tileInputs = tileInputs,
    .tileResults = tileResults,
    .tileGradients = tileGradients,
    .tileKernel = tileKernel,
    .tileKernelGradient = tileKernelGradient,
    .listByFilter = listByFilter,
    .addPatches = addPatches,
    .listByPatch = listByPatch,
    .spread = spread,
};

extern const Kernels table;
const Kernels table = {
    CONVSWEEP_NAME(CONVSWEEP_ISA),
    gemm,
    rescale,
    affine,
    biasRelu,
    relu,
    reluBackward,
    columnSums,
    poolRow,
    largestOf,
    poolBackward,
    dropout,
    multiply,
    moments,
    normalise,
    normSums,
    normBackward,
    adam,
    &convTable,
    &stemTable,
};

}  // namespace convsweep::cpu::CONVSWEEP_ISA
