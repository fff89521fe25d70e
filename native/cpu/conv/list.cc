#include "cpu/conv/list.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "cpu/conv/direct.h"
#include "cpu/conv/plain.h"
#include "cpu/conv/planes.h"
#include "cpu/conv/windows.h"
#include "cpu/conv/winners.h"
#include "cpu/conv/winograd.h"

namespace convsweep::cpu {
namespace {

std::string_view wanted() {
  const char* const name = std::getenv("CONVSWEEP_CONVOLUTION");
  return name ? name : "";
}

bool always(const ConvSpec&) {
  return true;
}
bool pooled(const ConvSpec& spec) {
  return spec.pool.has_value();
}
bool notPooled(const ConvSpec& spec) {
  return !spec.pool;
}

bool strideOne(const ConvSpec& spec) {
  return spec.window.strideY == 1 && spec.window.strideX == 1;
}
bool strideOneNotPooled(const ConvSpec& spec) {
  return strideOne(spec) && notPooled(spec);
}

/** Windows of 3 x 3 or 5 x 5 at stride 1. */
bool winograd(const ConvSpec& spec) {
  const Window& w = spec.window;
  return w.height == w.width && (w.height == 3 || w.height == 5) && strideOne(spec) && spec.out.height > 1 &&
         spec.out.width > 1;
}
bool winogradNotPooled(const ConvSpec& spec) {
  return winograd(spec) && notPooled(spec);
}

bool anyway(const Kernels&, const ConvSpec&) {
  return true;
}
/** Enough channels, in vectors that are full enough, to outweigh the transforms: measured. */
bool manyChannels(const Kernels& kernels, const ConvSpec& spec) {
  const int fewest = kernels.conv->lanes < 8 ? 12 : 16;
  return spec.in.channels >= fewest && spec.out.channels >= fewest;
}

/**
 * Whether vectors of neighbouring windows are fuller than vectors of `outputs` filters, or channels. What
 * turning maps costs is little beside 9 products at least of each value.
 */
bool windowsFillVectors(const Kernels& kernels, const Window& window, int width, int outputs) {
  const auto full = [&](int n) {
    const size_t size = static_cast<size_t>(n);
    return static_cast<double>(size) / static_cast<double>(wholeVectors(*kernels.conv, size));
  };
  return window.height * window.width >= 9 && full(width) >= 1.4 * full(outputs);
}
bool fewFilters(const Kernels& kernels, const ConvSpec& spec) {
  return windowsFillVectors(kernels, spec.window, spec.out.width, spec.out.channels);
}
bool fewChannels(const Kernels& kernels, const ConvSpec& spec) {
  return windowsFillVectors(kernels, spec.window, spec.in.width, spec.in.channels);
}

template <typename Interface>
struct Implementation {
  const char* name;
  bool (*applies)(const ConvSpec&);
  bool (*pays)(const Kernels&, const ConvSpec&);
  std::unique_ptr<Interface> (*make)(const Kernels&, const ConvSpec&);
};

template <typename Interface, typename Class>
std::unique_ptr<Interface> make(const Kernels& kernels, const ConvSpec& spec) {
  return std::make_unique<Class>(kernels, spec);
}

// Fastest first.

constexpr Implementation<ConvForward> kForward[] = {
    {"winograd", winograd, manyChannels, make<ConvForward, WinogradForward>},
    {"planes", strideOne, fewFilters, make<ConvForward, PlanesForward>},
    {"direct", always, anyway, make<ConvForward, DirectForward>},
    {"plain", always, anyway, make<ConvForward, PlainForward>},
};

constexpr Implementation<ConvInputGradient> kInputGradient[] = {
    {"winners", pooled, anyway, make<ConvInputGradient, WinnersInputGradient>},
    {"winograd", winogradNotPooled, manyChannels, make<ConvInputGradient, WinogradInputGradient>},
    {"planes", strideOneNotPooled, fewChannels, make<ConvInputGradient, PlanesInputGradient>},
    {"direct", notPooled, anyway, make<ConvInputGradient, DirectInputGradient>},
    {"plain", always, anyway, make<ConvInputGradient, PlainInputGradient>},
};

constexpr Implementation<ConvKernelGradient> kKernelGradient[] = {
    {"winners", pooled, anyway, make<ConvKernelGradient, WinnersKernelGradient>},
    {"winograd", winogradNotPooled, manyChannels, make<ConvKernelGradient, WinogradKernelGradient>},
    {"planes", strideOneNotPooled, fewFilters, make<ConvKernelGradient, PlanesKernelGradient>},
    {"direct", notPooled, anyway, make<ConvKernelGradient, DirectKernelGradient>},
    {"plain", always, anyway, make<ConvKernelGradient, PlainKernelGradient>},
};

template <typename Interface, size_t kCount>
std::unique_ptr<Interface> choose(const Implementation<Interface> (&list)[kCount], const Kernels& kernels,
                                  const ConvSpec& spec) {
  const std::string_view name = wanted();
  for (const auto& one : list) {
    if (name == one.name && one.applies(spec)) return one.make(kernels, spec);
  }
  for (const auto& one : list) {
    if (one.applies(spec) && one.pays(kernels, spec)) return one.make(kernels, spec);
  }
  return nullptr;
}

}  // namespace

bool mayTake(const char* implementation) {
  return wanted().empty() || wanted() == implementation;
}

std::unique_ptr<ConvForward> makeForward(const Kernels& kernels, const ConvSpec& spec) {
  return choose(kForward, kernels, spec);
}
std::unique_ptr<ConvInputGradient> makeInputGradient(const Kernels& kernels, const ConvSpec& spec) {
  return choose(kInputGradient, kernels, spec);
}
std::unique_ptr<ConvKernelGradient> makeKernelGradient(const Kernels& kernels, const ConvSpec& spec) {
  return choose(kKernelGradient, kernels, spec);
}

}  // namespace convsweep::cpu
