#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "standin/state.h"

namespace standin {
namespace {

thread_local int threadDevice = 0;
thread_local cudaError_t lastError = cudaSuccess;

}  // namespace

/** Never destroyed: threads and static objects of the addon may outlive any order of destruction. */
State& state() {
  static State* const instance = new State;
  return *instance;
}

State::State() {
  if (const char* words = std::getenv("CONVSWEEP_STANDIN")) parse(words);
}

void State::parse(const std::string& words) {
  Faults fresh;
  std::istringstream stream(words);
  for (std::string word; std::getline(stream, word, ',');) {
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "devices") {
      fresh.devices = std::stoi(value);
    } else if (key == "memory") {
      fresh.memory = std::stoull(value) << 20;
    } else if (key == "capability") {
      fresh.capability = std::stoi(value);
    } else if (key == "driver") {
      fresh.driver = value == "none"  ? Faults::Driver::None
                     : value == "old" ? Faults::Driver::Old
                                      : Faults::Driver::Ok;
    } else if (key == "oom") {
      fresh.outOfMemoryAt = std::stoull(value);
    } else if (key == "sticky") {
      fresh.stickyAt = std::stoull(value);
    } else if (key == "guard") {
      fresh.guard = value == "on";
    } else if (key == "alignment") {
      fresh.alignment = std::stoull(value);
    } else if (key == "capture") {
      fresh.breaksEveryCapture = value == "all";
      fresh.captureBrokenAt = fresh.breaksEveryCapture ? 0 : std::stoull(value);
    } else if (key == "linger") {
      fresh.linger = std::stoi(value);
    } else if (key == "hang") {
      fresh.hangAt = std::stoull(value);
    } else if (key == "tf32") {
      fresh.truncatesTf32 = value == "truncate";
    } else if (key == "sums") {
      fresh.sumsInFloat32 = value == "float32";
    } else {
      std::fprintf(stderr, "CONVSWEEP_STANDIN: unknown word %s\n", word.c_str());
      std::abort();
    }
  }
  faults = fresh;
  allocations = operations = captures = broken = replays = waits = capturesBegun = 0;
  deepest = 0;
  lost = false;
}

Report report() {
  State& s = state();
  const Lock lock(s.mutex);
  Report result;
  result.violations = s.violations;
  for (const auto& [object, kind] : s.objects) ++result.alive[kind];
  for (const auto& [device, bytes] : s.used) result.alive["bytes"] += bytes;
  result.allocations = s.allocations;
  result.operations = s.operations;
  result.captures = s.captures;
  result.broken = s.broken;
  result.deepest = s.deepest;
  result.connections = s.connections.value_or("");
  result.sleeps = s.sleeps;
  result.replays = s.replays;
  result.waits = s.waits;
  result.heuristics = s.heuristics;
  result.kinds = s.kinds;
  return result;
}

void configure(const std::string& words) {
  const Lock lock(state().mutex);
  state().parse(words);
}

const Faults& faults() {
  return state().faults;
}

void violation(const std::string& message) {
  std::fprintf(stderr, "stand-in: %s\n", message.c_str());
  const Lock lock(state().mutex);
  state().violations.push_back(message);
  state().lost = true;
}

void born(const void* object, const char* kind) {
  const Lock lock(state().mutex);
  state().objects[object] = kind;
}

bool alive(const void* object, const char* kind) {
  const Lock lock(state().mutex);
  const auto found = state().objects.find(object);
  return found != state().objects.end() && found->second == kind;
}

bool died(const void* object, const char* kind) {
  if (!alive(object, kind)) {
    violation(std::string("destroyed something that is no live ") + kind);
    return false;
  }
  const Lock lock(state().mutex);
  state().objects.erase(object);
  return true;
}

int currentDevice() {
  return threadDevice;
}

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) lastError = error;
  return error;
}

cudaError_t health() {
  const Lock lock(state().mutex);
  if (state().faults.driver != Faults::Driver::Ok) return cudaErrorInsufficientDriver;
  if (state().faults.devices == 0) return cudaErrorNoDevice;
  return state().lost ? cudaErrorIllegalAddress : cudaSuccess;
}

}  // namespace standin

using namespace standin;

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  {
    const Lock lock(state().mutex);
    const char* const connections = std::getenv("CUDA_DEVICE_MAX_CONNECTIONS");
    if (!state().connections) state().connections = connections ? connections : "";
  }
  const auto driver = faults().driver;
  *version = driver == Faults::Driver::None ? 0 : driver == Faults::Driver::Old ? 11040 : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (const cudaError_t error = health()) return remember(error);
  *count = faults().devices;
  return cudaSuccess;
}

cudaError_t cudaInitDevice(int device, unsigned deviceFlags, unsigned flags) {
  if (const cudaError_t error = health()) return remember(error);
  if (device < 0 || device >= faults().devices) return remember(cudaErrorInvalidDevice);
  const Lock lock(state().mutex);
  state().sleeps = flags == cudaInitDeviceFlagsAreValid && deviceFlags == cudaDeviceScheduleBlockingSync;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = deviceWideWait("cudaDeviceSynchronize")) return remember(error);
  return remember(health());
}

cudaError_t cudaSetDevice(int device) {
  if (const cudaError_t error = health()) return remember(error);
  if (device < 0 || device >= faults().devices) return remember(cudaErrorInvalidDevice);
  threadDevice = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = threadDevice;
  return remember(health());
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = health()) return remember(error);
  if (device < 0 || device >= faults().devices) return remember(cudaErrorInvalidDevice);
  *properties = {"Simulated GPU", faults().memory, faults().capability / 10, faults().capability % 10, 4,
                 4 << 20,         48 << 10};
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const Lock lock(state().mutex);
  const cudaError_t error = std::exchange(lastError, cudaSuccess);
  return state().lost ? cudaErrorIllegalAddress : error;
}
