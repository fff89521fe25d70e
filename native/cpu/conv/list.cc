#include "cpu/conv/list.h"

#include <cstdlib>
#include <string_view>

#include "cpu/conv/direct.h"
#include "cpu/conv/plain.h"
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

/** Windows of 3 x 3 or 5 x 5 at stride 1, and enough channels to outweigh the transforms. */
bool winograd(const ConvSpec& spec) {
  constexpr int kFewest = 8;
  const Window& w = spec.window;
  return w.height == w.width && (w.height == 3 || w.height == 5) && w.strideY == 1 && w.strideX == 1 &&
         spec.in.channels >= kFewest && spec.out.channels >= kFewest && spec.out.height > 1 &&
         spec.out.width > 1;
}
bool winogradNotPooled(const ConvSpec& spec) {
  return winograd(spec) && notPooled(spec);
}

template <typename Interface>
struct Implementation {
  const char* name;
  bool (*applies)(const ConvSpec&);
  std::unique_ptr<Interface> (*make)(const Kernels&, const ConvSpec&);
};

template <typename Interface, typename Class>
std::unique_ptr<Interface> make(const Kernels& kernels, const ConvSpec& spec) {
  return std::make_unique<Class>(kernels, spec);
}

// Fastest first.

constexpr Implementation<ConvForward> kForward[] = {
    {"winograd", winograd, make<ConvForward, WinogradForward>},
    {"direct", always, make<ConvForward, DirectForward>},
    {"plain", always, make<ConvForward, PlainForward>},
};

constexpr Implementation<ConvInputGradient> kInputGradient[] = {
    {"winners", pooled, make<ConvInputGradient, WinnersInputGradient>},
    {"winograd", winogradNotPooled, make<ConvInputGradient, WinogradInputGradient>},
    {"direct", notPooled, make<ConvInputGradient, DirectInputGradient>},
    {"plain", always, make<ConvInputGradient, PlainInputGradient>},
};

constexpr Implementation<ConvKernelGradient> kKernelGradient[] = {
    {"winners", pooled, make<ConvKernelGradient, WinnersKernelGradient>},
    {"winograd", winogradNotPooled, make<ConvKernelGradient, WinogradKernelGradient>},
    {"direct", notPooled, make<ConvKernelGradient, DirectKernelGradient>},
    {"plain", always, make<ConvKernelGradient, PlainKernelGradient>},
};

template <typename Interface, size_t kCount>
std::unique_ptr<Interface> choose(const Implementation<Interface> (&list)[kCount], const Kernels& kernels,
                                  const ConvSpec& spec) {
  const std::string_view name = wanted();
  for (const auto& one : list) {
    if (name == one.name && one.applies(spec)) return one.make(kernels, spec);
  }
  for (const auto& one : list) {
    if (one.applies(spec)) return one.make(kernels, spec);
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
