#include <algorithm>
#include <fstream>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "backend/backend.h"
#include "backend/buffer.h"
#include "backend/error.h"
#include "cpu/binding.h"
#include "cpu/kernels.h"
#include "cpu/session.h"

namespace convsweep {
namespace cpu {
namespace {

std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "CPU";
}

}  // namespace
}  // namespace cpu

namespace backend {

BuildInfo buildInfo() {
  return {"cpu", cpu::instructionSets(), cpu::kernels().name, {}};
}

/** Of the processors, those that this process may use. */
int usableCores() {
#if defined(__linux__)
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::vector<DeviceInfo> devices() {
  const int cores = usableCores();
  return {{"cpu", cpu::processorName() + ", " + cpu::kernels().name, cores, false}};
}

/**
 * Numbers below 1.2e-38 count as zero, as in TensorFlow: Adam's moments of weights that no longer get a
 * gradient decay into that range, where the processor is a hundred times slower.
 */
void prepareThread() {
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
  uint64_t fpcr;
  asm volatile("mrs %0, fpcr" : "=r"(fpcr));
  asm volatile("msr fpcr, %0" ::"r"(fpcr | (1u << 24)));
#endif
}

size_t memoryInUse() {
  return hostBytesInUse;
}

std::unique_ptr<DeviceDataset> createDataset(int device, const uint8_t* images, const uint8_t* labels,
                                             size_t count, size_t imageSize) {
  require(device == 0, "the device exists");
  return std::make_unique<cpu::HostDataset>(images, labels, count, imageSize);
}

std::unique_ptr<Session> createSession(int device, const Plan& plan, const SessionOptions& options) {
  require(device == 0, "the device exists");
  require(options.precision != Precision::Tf32, "the CPU computes in float32");
  return std::make_unique<cpu::HostSession>(plan, options.seed);
}

}  // namespace backend
}  // namespace convsweep
