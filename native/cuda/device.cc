#include "cuda/device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "backend/error.h"
#include "cuda/check.h"

namespace convsweep::cuda {
namespace {

/** The oldest GPUs that the build has code for: Ampere, compute capability 8.0. */
constexpr int kOldestMajor = 8;

/** A device, and the most that a network of the notebook's size takes: activations, workspaces and libraries.
 */
constexpr size_t kBytesPerTrial = size_t{512} << 20;
/** Streams beyond the connections to a device share one with another, and wait for its work. */
constexpr size_t kMostTrials = 32;

std::string cudaVersion(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

std::string version(const cudaDeviceProp& device) {
  return std::to_string(device.major) + "." + std::to_string(device.minor);
}

/** Why no device can be had, or an empty text. */
std::string driverProblem() {
  int driver = 0, runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) {
    return "the NVIDIA driver is missing (no libcuda.so.1); install it, on Debian or Ubuntu: "
           "sudo apt-get install -y nvidia-driver, in a container start it with --gpus all; then: nvidia-smi";
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) cudaGetLastError();
  if (status == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver is too old: it supports CUDA " + cudaVersion(driver) +
           ", this build needs CUDA " + cudaVersion(runtime) +
           "; update the driver, or build with an older toolkit: CUDA_HOME=/usr/local/cuda-" +
           cudaVersion(driver) + " npx convsweep build";
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    return "the NVIDIA driver sees no GPU" +
           (visible ? " (CUDA_VISIBLE_DEVICES is \"" + std::string(visible) + "\")" : std::string()) +
           "; nvidia-smi shows what it sees";
  }
  if (status != cudaSuccess) {
    return std::string("the NVIDIA driver does not work: ") + cudaGetErrorName(status) + " (" +
           cudaGetErrorString(status) + "); nvidia-smi may say more";
  }
  return "";
}

struct Gpu {
  int ordinal;
  cudaDeviceProp properties;
};

/** The devices that this build has code for; the others are named in `refused`. */
std::vector<Gpu> suitableGpus(std::string& refused) {
  int count = 0;
  CUDART(cudaGetDeviceCount, &count);
  std::vector<Gpu> gpus;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    Gpu gpu{ordinal, {}};
    CUDART(cudaGetDeviceProperties, &gpu.properties, ordinal);
    if (gpu.properties.major >= kOldestMajor) {
      gpus.push_back(gpu);
    } else {
      refused += (refused.empty() ? "" : ", ") + std::string(gpu.properties.name) + " has " +
                 version(gpu.properties);
    }
  }
  return gpus;
}

/** Must come before the first call of CUDA, which reads it. Who has set another number keeps it. */
void setConnections() {
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", std::to_string(kMostTrials).c_str(), 0);
}

std::vector<Gpu> usableGpus() {
  setConnections();
  std::string problem = driverProblem(), refused;
  std::vector<Gpu> gpus;
  if (problem.empty()) gpus = suitableGpus(refused);
  if (problem.empty() && gpus.empty()) {
    problem = "the GPU is too old: compute capability " + std::to_string(kOldestMajor) +
              ".0 or newer is needed, " + refused;
  }
  try {
    libraries();
  } catch (const Error& error) {
    problem += (problem.empty() ? "" : "; ") + std::string(error.what());
  }
  if (!problem.empty()) throw Error("DEVICE_UNAVAILABLE", problem);
  return gpus;
}

}  // namespace

std::vector<DeviceInfo> usableDevices() {
  std::vector<DeviceInfo> devices;
  for (const Gpu& gpu : usableGpus()) {
    const cudaDeviceProp& it = gpu.properties;
    const size_t fits = std::clamp<size_t>(it.totalGlobalMem / kBytesPerTrial, 1, kMostTrials);
    char memory[32];
    std::snprintf(memory, sizeof memory, "%.0f GiB",
                  static_cast<double>(it.totalGlobalMem) / (size_t{1} << 30));
    devices.push_back({"cuda:" + std::to_string(devices.size()),
                       std::string(it.name) + ", " + memory + ", compute capability " + version(it),
                       static_cast<int>(fits),
                       {Precision::Fp32, Precision::Tf32},
                       Precision::Tf32});
  }
  return devices;
}

std::shared_ptr<Device> Device::open(int index) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Device>> inUse;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Device> device = inUse[index].lock();
  if (!device) {
    const auto gpus = usableGpus();
    require(index >= 0 && static_cast<size_t>(index) < gpus.size(), "the device exists");
    device = std::make_shared<Device>(gpus[static_cast<size_t>(index)].ordinal);
    // Threads that wait for the device sleep: there may be more of them than processors.
    CUDART(cudaInitDevice, device->ordinal(), cudaDeviceScheduleBlockingSync, cudaInitDeviceFlagsAreValid);
    inUse[index] = device;
  }
  device->makeCurrent();
  return device;
}

void LaneDeleter::operator()(Lane* lane) const {
  const CaptureGate::Unsafe unsafe(*gate);
  std::default_delete<Lane>()(lane);
}

Device::~Device() {
  cudaSetDevice(ordinal_);
  freeKept();
}

void Device::makeCurrent() const {
  CUDART(cudaSetDevice, ordinal_);
}

DeviceMemory Device::memory(size_t bytes, const std::string& purpose) {
  const CaptureGate::Unsafe unsafe(gate_);
  if (DeviceMemory memory = pool_.tryTake(bytes); memory.as()) return memory;
  freeKept();
  if (DeviceMemory memory = pool_.tryTake(bytes); memory.as()) return memory;
  throw Error("OUT_OF_MEMORY", "The device has too little memory: " + readableSize(bytes) +
                                   " are needed for " + purpose + ", " + freeMemory() +
                                   "; train fewer models at a time (--jobs) or in smaller batches");
}

void Device::freeKept() {
  const CaptureGate::Unsafe unsafe(gate_);
  std::vector<OwnedLane> lanes;
  {
    const std::lock_guard lock(mutex_);
    lanes.swap(lanes_);
  }
  lanes.clear();
  pool_.freeKept();
}

OwnedLane Device::takeLane() {
  {
    const std::lock_guard lock(mutex_);
    if (!lanes_.empty()) {
      auto lane = std::move(lanes_.back());
      lanes_.pop_back();
      return lane;
    }
  }
  const CaptureGate::Unsafe unsafe(gate_);
  auto lane = std::make_unique<Lane>(memory(Lane::kWorkspace, "cuBLAS"));
  return OwnedLane(lane.release(), LaneDeleter{&gate_});
}

void Device::giveBack(OwnedLane lane) {
  const std::lock_guard lock(mutex_);
  lanes_.push_back(std::move(lane));
}

}  // namespace convsweep::cuda
