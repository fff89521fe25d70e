#include "cuda/device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "backend/error.h"
#include "cuda/capability.h"
#include "cuda/check.h"

namespace convsweep::cuda {
namespace {

/** A device, and the most that a network of the notebook's size takes: activations, workspaces and libraries.
 */
constexpr size_t kBytesPerTrial = size_t{512} << 20;
/** What the driver, the libraries' code and the desktop take of a device before the first network. */
constexpr size_t kBytesBesides = size_t{1} << 30;
/** Streams beyond the connections to a device share one with another, and wait for its work. */
constexpr size_t kMostTrials = 32;

std::string cudaVersion(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
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
           cudaVersion(driver) + " " CONVSWEEP_BUILD_COMMAND;
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

int capabilityOf(const cudaDeviceProp& device) {
  return cuda::capabilityOf(device.major, device.minor);
}

std::string version(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

/** The devices of capability `oldest` or newer; the others are named in `refused`. */
std::vector<Gpu> suitableGpus(int oldest, std::string& refused) {
  int count = 0;
  CUDART(cudaGetDeviceCount, &count);
  std::vector<Gpu> gpus;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    Gpu gpu{ordinal, {}};
    CUDART(cudaGetDeviceProperties, &gpu.properties, ordinal);
    if (capabilityOf(gpu.properties) >= oldest) {
      gpus.push_back(gpu);
    } else {
      refused += (refused.empty() ? "" : ", ") + std::string(gpu.properties.name) + " has " +
                 version(capabilityOf(gpu.properties));
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
  std::string problem = driverProblem();
  int oldest = kOldest;
  try {
    oldest = oldestCapability(CUDART_VERSION, libraries().cudnnGetVersion());
  } catch (const Error& error) {
    problem += (problem.empty() ? "" : "; ") + std::string(error.what());
  }
  if (!problem.empty()) throw Error("DEVICE_UNAVAILABLE", problem);
  std::string refused;
  std::vector<Gpu> gpus = suitableGpus(oldest, refused);
  if (gpus.empty()) {
    throw Error("DEVICE_UNAVAILABLE",
                "the GPU is too old: compute capability " + version(oldest) + " or newer is needed, " +
                    refused +
                    (oldest < kOldest
                         ? ""
                         : "; for 6.0 to 7.2 build with CUDA 12 and a cuDNN up to 9.10 "
                           "(CUDA_HOME=/usr/local/cuda-12.4 CUDNN_PATH=/path " CONVSWEEP_BUILD_COMMAND ")"));
  }
  return gpus;
}

}  // namespace

std::vector<DeviceInfo> usableDevices() {
  std::vector<DeviceInfo> devices;
  for (const Gpu& gpu : usableGpus()) {
    const cudaDeviceProp& it = gpu.properties;
    const size_t free = it.totalGlobalMem - std::min(it.totalGlobalMem, kBytesBesides);
    const size_t fits = std::clamp<size_t>(free / kBytesPerTrial, 1, kMostTrials);
    char memory[32];
    std::snprintf(memory, sizeof memory, "%.0f GiB",
                  static_cast<double>(it.totalGlobalMem) / (size_t{1} << 30));
    const bool tf32 = capabilityOf(it) >= kOldestWithTf32;
    devices.push_back(
        {"cuda:" + std::to_string(devices.size()),
         std::string(it.name) + ", " + memory + ", compute capability " + version(capabilityOf(it)),
         static_cast<int>(fits),
         tf32 ? std::vector{Precision::Fp32, Precision::Tf32} : std::vector{Precision::Fp32},
         tf32 ? Precision::Tf32 : Precision::Fp32});
  }
  return devices;
}

std::shared_ptr<Device> Device::open(int index) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<Device>> inUse;
  // Of the process, as they hold whenever the device is used again.
  static std::map<int, std::shared_ptr<ConvolutionChoices>> choices;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Device> device = inUse[index].lock();
  if (!device) {
    const auto gpus = usableGpus();
    require(index >= 0 && static_cast<size_t>(index) < gpus.size(), "the device exists");
    std::shared_ptr<ConvolutionChoices>& chosen = choices[index];
    if (!chosen) chosen = std::make_shared<ConvolutionChoices>();
    device = std::make_shared<Device>(gpus[static_cast<size_t>(index)].ordinal, chosen);
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
  auto lane = std::make_unique<Lane>(memory(Lane::kWorkspace, "cuBLAS"), *choices_);
  return OwnedLane(lane.release(), LaneDeleter{&gate_});
}

void Device::giveBack(OwnedLane lane) {
  const std::lock_guard lock(mutex_);
  lanes_.push_back(std::move(lane));
}

}  // namespace convsweep::cuda
