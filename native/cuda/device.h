#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "cuda/capture_gate.h"
#include "cuda/lane.h"

namespace convsweep::cuda {

/**
 * The GPUs that this build can use, in CUDA's order. Throws Error DEVICE_UNAVAILABLE with everything that is
 * missing and its remedy: the driver, a driver that is new enough, a GPU, one that is new enough, cuDNN,
 * cuBLAS.
 */
std::vector<DeviceInfo> usableDevices();

/** Destroys a lane, which waits for the device, beside no capture. The gate outlives it. */
struct LaneDeleter {
  CaptureGate* gate;
  void operator()(Lane* lane) const;
};
using OwnedLane = std::unique_ptr<Lane, LaneDeleter>;

/** A GPU in use. Lives as long as a dataset or a network is on it, and keeps what the next
 * networks can use. */
class Device {
 public:
  /** The device at `index` of usableDevices(), made current for this thread. */
  static std::shared_ptr<Device> open(int index);
  Device(int ordinal, std::shared_ptr<ConvolutionChoices> choices)
      : ordinal_(ordinal), choices_(std::move(choices)) {}
  ~Device();

  int ordinal() const { return ordinal_; }
  /** Directs this thread's CUDA calls here. */
  void makeCurrent() const;

  /**
   * `purpose` is what an error calls it. Frees what is kept for later networks before it fails with Error
   * OUT_OF_MEMORY, which says what was needed and what is free.
   */
  DeviceMemory memory(size_t bytes, const std::string& purpose);
  /** A lane that nobody else uses, a kept one if there is one. */
  OwnedLane takeLane();
  void giveBack(OwnedLane lane);
  CaptureGate& captureGate() { return gate_; }

 private:
  void freeKept();

  const int ordinal_;
  const std::shared_ptr<ConvolutionChoices> choices_;
  CaptureGate gate_;
  MemoryPool pool_;
  std::mutex mutex_;
  std::vector<OwnedLane> lanes_;
};

}  // namespace convsweep::cuda
