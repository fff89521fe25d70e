#include "cpu/conv/planes.h"

#include <cstring>

#include "cpu/conv/turn.h"
#include "cpu/conv/windows.h"

namespace convsweep::cpu {
namespace {

size_t size(int extent) {
  return static_cast<size_t>(extent);
}

/** A map in planes, with the frame that its windows need. */
PlaneLayout layoutOf(const Frame& frame) {
  return {frame.channels,
          frame.height,
          frame.width,
          frame.top,
          frame.left,
          frame.left + frame.width + frame.right,
          frame.top + frame.height + frame.bottom};
}

/** Of the gradient's convolution with the turned kernel, whose results cover the whole input. */
PlaneLayout gradientLayout(const ConvSpec& s) {
  const Window& w = s.window;
  return {size(s.out.channels),
          size(s.out.height),
          size(s.out.width),
          size(w.height - 1 - w.padTop),
          size(w.width - 1 - w.padLeft),
          size(s.in.width + w.width - 1),
          size(s.in.height + w.height - 1)};
}

/** Whole vectors of zeros behind each line, which products with what lies beyond leave alone. */
PlaneLayout paddedLayout(const ConvKernels& kernels, const Extent& extent) {
  return {size(extent.channels),
          size(extent.height),
          size(extent.width),
          0,
          0,
          wholeVectors(kernels, size(extent.width)),
          size(extent.height)};
}

/** The windows of all lines. */
PlaneWindows windowsIn(const PlaneLayout& planes, const float* first, const Window& window, size_t lines,
                       size_t count) {
  return {first,          lines, count, planes.pitch, planes.size(), size(window.height), size(window.width),
          planes.channels};
}

/** Makes the zeros, between which `toPlanes` places one map after the other. */
void clear(const PlaneLayout& planes, float* memory) {
  std::memset(memory, 0, planes.scratch() * sizeof(float));
}

/** Filters of a position in an unpooled map, which are transposed in fours. */
size_t paddedFilters(const ConvSpec& spec) {
  return (size(spec.out.channels) + 3) / 4 * 4;
}

}  // namespace

// ---- Forward ----------------------------------------------------------------------------------------------

PlanesForward::PlanesForward(const Kernels& kernels, const ConvSpec& spec)
    : all_(kernels), spec_(spec), planes_(layoutOf(inputFrame(spec))) {}

/** The planes, then the unpooled map, of which vectors are read past the end. */
size_t PlanesForward::scratch() const {
  if (!spec_.pool) return planes_.scratch();
  return planes_.scratch() + size(spec_.out.height) * size(spec_.out.width) * paddedFilters(spec_) + kSlack;
}

void PlanesForward::prepare(const float* kernel, const float* bias) {
  kernel_ = kernel;
  bias_ = bias;
  blank_.prepare(*all_.conv, spec_, bias);
}

void PlanesForward::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const ConvKernels& kernels = *all_.conv;
  const size_t filters = size(spec_.out.channels);
  const size_t stride = spec_.pool ? paddedFilters(spec_) : filters;
  clear(planes_, scratch);
  for (size_t i = 0; i < images; ++i) {
    kernels.toPlanes(arrays.x + i * spec_.in.size(), planes_, scratch);
    const auto convolve = [&](size_t y, const Span& span, float* to) {
      const float* const first = scratch + y * planes_.pitch + span.begin;
      const PlaneWindows line = windowsIn(planes_, first, spec_.window, 1, span.end - span.begin);
      kernels.correlatePlanes(line, kernel_, filters, bias_, spec_.relu && !spec_.pool, to, stride);
    };
    convolveImage(all_, spec_, arrays, i, scratch + planes_.scratch(), stride, blank_, convolve);
  }
}

// ---- The gradient of the input ----------------------------------------------------------------------------

PlanesInputGradient::PlanesInputGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv), spec_(spec), planes_(gradientLayout(spec)), turned_(weightsOf(spec)) {}

void PlanesInputGradient::prepare(const float* kernel) {
  turn(spec_, kernel, turned_.data());
}

void PlanesInputGradient::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const size_t channels = size(spec_.in.channels);
  const size_t lines = size(spec_.in.height), count = size(spec_.in.width);
  clear(planes_, scratch);
  for (size_t i = 0; i < images; ++i) {
    kernels_.toPlanes(arrays.yGradient + i * spec_.out.size(), planes_, scratch);
    float* const to = arrays.xGradient + i * spec_.in.size();
    for (size_t y = 0; y < lines; ++y) {
      const PlaneWindows line = windowsIn(planes_, scratch + y * planes_.pitch, spec_.window, 1, count);
      kernels_.correlatePlanes(line, turned_.data(), channels, nullptr, false, to + y * count * channels,
                               channels);
    }
  }
}

// ---- The gradient of the kernel ---------------------------------------------------------------------------

PlanesKernelGradient::PlanesKernelGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv),
      spec_(spec),
      planes_(layoutOf(inputFrame(spec))),
      gradients_(paddedLayout(kernels_, spec.out)) {}

/** The planes of the input, those of the gradient. */
size_t PlanesKernelGradient::scratch() const {
  return planes_.scratch() + gradients_.scratch();
}

/** A vector for each weight. */
size_t PlanesKernelGradient::sums() const {
  return weightsOf(spec_) * kernels_.lanes;
}

void PlanesKernelGradient::run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const {
  float* const gradients = scratch + planes_.scratch();
  const PlaneWindows w =
      windowsIn(planes_, scratch, spec_.window, size(spec_.out.height), size(spec_.out.width));
  clear(planes_, scratch);
  clear(gradients_, gradients);
  for (size_t i = 0; i < images; ++i) {
    kernels_.toPlanes(arrays.x + i * spec_.in.size(), planes_, scratch);
    kernels_.toPlanes(arrays.yGradient + i * spec_.out.size(), gradients_, gradients);
    kernels_.planeSums(w, gradients, gradients_, sums);
  }
}

void PlanesKernelGradient::finish(const float* sums, float* gradient) const {
  for (size_t i = 0; i < weightsOf(spec_); ++i) {
    gradient[i] = 0;
    for (size_t lane = 0; lane < kernels_.lanes; ++lane) gradient[i] += sums[i * kernels_.lanes + lane];
  }
}

}  // namespace convsweep::cpu
