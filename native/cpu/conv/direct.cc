#include "cpu/conv/direct.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/windows.h"

namespace convsweep::cpu {

// ---- Forward ----------------------------------------------------------------------------------------------

DirectForward::DirectForward(const Kernels& kernels, const ConvSpec& spec)
    : all_(kernels), kernels_(*kernels.conv), spec_(spec), frame_(inputFrame(spec)) {
  packed_.ensure(kernels_.packedSize(windowsOf(spec_, frame_, nullptr).depth(),
                                     static_cast<size_t>(spec_.out.channels)));
}

/** The framed input, then the unpooled map. */
size_t DirectForward::scratch() const {
  if (!spec_.pool) return frame_.scratch();
  const size_t positions = static_cast<size_t>(spec_.out.height) * spec_.out.width;
  return frame_.scratch() + positions * wholeVectors(kernels_, static_cast<size_t>(spec_.out.channels));
}

void DirectForward::prepare(const float* kernel, const float* bias) {
  const Windows w = windowsOf(spec_, frame_, nullptr);
  kernels_.pack(kernel, bias, w.depth(), static_cast<size_t>(spec_.out.channels), w.count, packed_.data());
  blank_.prepare(kernels_, spec_, bias);
}

void DirectForward::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const size_t filters = static_cast<size_t>(spec_.out.channels);
  const size_t stride = spec_.pool ? wholeVectors(kernels_, filters) : filters;
  frame_.clear(scratch);
  for (size_t i = 0; i < images; ++i) {
    const Windows all = windowsOf(spec_, frame_, frame_.put(arrays.x + i * spec_.in.size(), scratch));
    const auto convolve = [&](size_t y, const Span& span, float* to) {
      Windows some = all;
      some.first += y * all.lineStep + span.begin * all.step;
      some.count = span.end - span.begin;
      kernels_.correlate(some, {packed_.data(), filters, all.count}, !spec_.pool && spec_.relu, to, stride,
                         spec_.pool.has_value());
    };
    convolveImage(all_, spec_, arrays, i, scratch + frame_.scratch(), stride, blank_, convolve);
  }
}

// ---- The gradient of the input ----------------------------------------------------------------------------

// Position p of the framed input meets output (p - t) / stride through weight t, where that is whole. With
// phase = p % stride and q = p / stride those are outputs q - j through the weights phase + j * stride, j =
// 0, 1, ...

Frame DirectInputGradient::frameOf(const ConvSpec& s) {
  const Window& w = s.window;
  const auto before = [](int window, int stride) { return static_cast<size_t>((window - 1) / stride); };
  const auto after = [](int in, int out, int stride, int padding) {
    const int last = (in - 1 + padding) / stride;
    return static_cast<size_t>(std::max(last - (out - 1), 0));
  };
  return {static_cast<size_t>(s.out.height),
          static_cast<size_t>(s.out.width),
          static_cast<size_t>(s.out.channels),
          before(w.height, w.strideY),
          before(w.width, w.strideX),
          after(s.in.height, s.out.height, w.strideY, w.padTop),
          after(s.in.width, s.out.width, w.strideX, w.padLeft)};
}

DirectInputGradient::Side DirectInputGradient::sideOf(int phase, int in, int window, int stride,
                                                      int padding) {
  const int taps = phase < window ? (window - 1 - phase) / stride + 1 : 0;
  const int q = std::max((padding - phase + stride - 1) / stride, 0);
  const int first = q * stride + phase - padding;
  const int count = first < in ? (in - 1 - first) / stride + 1 : 0;
  return {static_cast<size_t>(first), static_cast<size_t>(count),
          static_cast<size_t>(q - (taps - 1) + (window - 1) / stride), static_cast<size_t>(taps),
          static_cast<size_t>(phase + (taps - 1) * stride)};
}

DirectInputGradient::DirectInputGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv), spec_(spec), frame_(frameOf(spec)) {
  const Window& w = spec_.window;
  size_t largest = 0;
  for (int a = 0; a < w.strideY; ++a) {
    const Side y = sideOf(a, spec_.in.height, w.height, w.strideY, w.padTop);
    for (int b = 0; b < w.strideX; ++b) {
      const Side x = sideOf(b, spec_.in.width, w.width, w.strideX, w.padLeft);
      const size_t depth = y.taps * x.taps * frame_.channels;
      if (depth == 0 || y.count == 0 || x.count == 0) continue;
      phases_.push_back(
          {y, x, Buffer<float>(kernels_.packedSize(depth, static_cast<size_t>(spec_.in.channels)))});
      largest = std::max(largest, depth);
    }
  }
  turned_.ensure(largest * static_cast<size_t>(spec_.in.channels) + 1);
}

void DirectInputGradient::prepare(const float* kernel) {
  const size_t channels = static_cast<size_t>(spec_.in.channels), filters = frame_.channels;
  const size_t width = static_cast<size_t>(spec_.window.width);
  for (Phase& phase : phases_) {
    float* to = turned_.data();
    for (size_t j = 0; j < phase.y.taps; ++j) {
      for (size_t k = 0; k < phase.x.taps; ++k) {
        const size_t tap = (phase.y.firstTap - j * static_cast<size_t>(spec_.window.strideY)) * width +
                           phase.x.firstTap - k * static_cast<size_t>(spec_.window.strideX);
        const float* const from = kernel + tap * channels * filters;
        for (size_t f = 0; f < filters; ++f) {
          for (size_t c = 0; c < channels; ++c) *to++ = from[c * filters + f];
        }
      }
    }
    kernels_.pack(turned_.data(), nullptr, phase.y.taps * phase.x.taps * filters, channels, phase.x.count,
                  phase.packed.data());
  }
}

void DirectInputGradient::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const size_t channels = static_cast<size_t>(spec_.in.channels), filters = frame_.channels;
  const size_t strideY = static_cast<size_t>(spec_.window.strideY),
               strideX = static_cast<size_t>(spec_.window.strideX),
               width = static_cast<size_t>(spec_.in.width);
  frame_.clear(scratch);
  for (size_t i = 0; i < images; ++i) {
    const float* const framed = frame_.put(arrays.yGradient + i * spec_.out.size(), scratch);
    float* const image = arrays.xGradient + i * spec_.in.size();
    // Some inputs may be in no window.
    if (strideY > 1 || strideX > 1) std::memset(image, 0, spec_.in.size() * sizeof(float));
    for (const Phase& phase : phases_) {
      for (size_t line = 0; line < phase.y.count; ++line) {
        const Windows w{framed + (phase.y.begin + line) * frame_.pitch() + phase.x.begin * filters,
                        1,
                        phase.x.count,
                        0,
                        filters,
                        frame_.pitch(),
                        phase.y.taps,
                        phase.x.taps * filters};
        const size_t y = phase.y.first + line * strideY;
        kernels_.correlate(w, {phase.packed.data(), channels, w.count}, false,
                           image + (y * width + phase.x.first) * channels, strideX * channels, false);
      }
    }
  }
}

// ---- The gradient of the kernel ---------------------------------------------------------------------------

DirectKernelGradient::DirectKernelGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv), spec_(spec), frame_(inputFrame(spec)) {}

/** The framed input, then an image's gradient, of which vectors are read past the end. */
size_t DirectKernelGradient::scratch() const {
  return frame_.scratch() + spec_.out.size() + kSlack;
}

size_t DirectKernelGradient::sums() const {
  return windowsOf(spec_, frame_, nullptr).depth() *
         wholeVectors(kernels_, static_cast<size_t>(spec_.out.channels));
}

void DirectKernelGradient::run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const {
  const size_t filters = static_cast<size_t>(spec_.out.channels);
  float* const copy = scratch + frame_.scratch();
  frame_.clear(scratch);
  std::memset(copy + spec_.out.size(), 0, kSlack * sizeof(float));
  for (size_t i = 0; i < images; ++i) {
    const float* gradient = arrays.yGradient + i * spec_.out.size();
    if (filters % kernels_.lanes != 0) {
      std::memcpy(copy, gradient, spec_.out.size() * sizeof(float));
      gradient = copy;
    }
    kernels_.weightSums(windowsOf(spec_, frame_, frame_.put(arrays.x + i * spec_.in.size(), scratch)),
                        gradient, filters, filters, sums);
  }
}

void DirectKernelGradient::finish(const float* sums, float* gradient) const {
  const size_t filters = static_cast<size_t>(spec_.out.channels), padded = wholeVectors(kernels_, filters);
  const size_t depth = windowsOf(spec_, frame_, nullptr).depth();
  for (size_t d = 0; d < depth; ++d)
    std::memcpy(gradient + d * filters, sums + d * padded, filters * sizeof(float));
}

}  // namespace convsweep::cpu
