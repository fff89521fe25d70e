#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
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

/** Not through a stream: the prebuilt addon contains its C++ library, and streams are half of that. */
std::string processorName() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/cpuinfo", "r"), &std::fclose);
  char text[512];
  while (file && std::fgets(text, sizeof text, file.get())) {
    const std::string line = text;
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2, line.find_last_not_of('\n') - colon - 1);
    }
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
  return {
      {"cpu", cpu::processorName() + ", " + cpu::kernels().name, cores, {Precision::Fp32}, Precision::Fp32}};
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

std::unique_ptr<Session> createSession(int device, const Plan& plan, const Adam& adam,
                                       const SessionOptions& options) {
  require(device == 0, "the device exists");
  require(options.precision == Precision::Fp32, "the CPU computes in float32");
  return std::make_unique<cpu::HostSession>(plan, adam, options.seed);
}

}  // namespace backend
}  // namespace convsweep
