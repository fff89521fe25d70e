#include <cstdlib>
#include <string>
#include <vector>

#include "backend/error.h"
#include "cpu/kernels.h"

namespace convsweep::cpu {

#if defined(CONVSWEEP_AVX512)
namespace avx512 {
extern const Kernels table;
}
#endif
#if defined(CONVSWEEP_AVX2)
namespace avx2 {
extern const Kernels table;
}
#endif
namespace baseline {
extern const Kernels table;
}

namespace {

/** What this machine can run, best first. */
std::vector<const Kernels*> usable() {
  std::vector<const Kernels*> list;
#if defined(CONVSWEEP_AVX512) || defined(CONVSWEEP_AVX2)
  __builtin_cpu_init();
#endif
#if defined(CONVSWEEP_AVX512)
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    list.push_back(&avx512::table);
  }
#endif
#if defined(CONVSWEEP_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list.push_back(&avx2::table);
#endif
  list.push_back(&baseline::table);
  return list;
}

const Kernels& choose() {
  const auto list = usable();
  const char* wanted = std::getenv("CONVSWEEP_ISA");
  if (!wanted || !*wanted) return *list.front();
  std::string names;
  for (const Kernels* kernels : list) {
    if (kernels->name == std::string(wanted)) return *kernels;
    names += names.empty() ? kernels->name : std::string(", ") + kernels->name;
  }
  throw Error("DEVICE_UNAVAILABLE",
              "Expected one of " + names + " for CONVSWEEP_ISA but received \"" + wanted + "\"");
}

}  // namespace

std::vector<std::string> instructionSets() {
  std::vector<std::string> names;
  for (const Kernels* kernels : usable()) names.emplace_back(kernels->name);
  return names;
}

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace convsweep::cpu
