#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "cuda/lane.h"
#include "ops/session.h"

namespace convsweep::cuda {

/**
 * The GPUs that this build can use, in CUDA's order. Throws Error DEVICE_UNAVAILABLE with everything that is
 * missing and its remedy: the driver, a driver that is new enough, a GPU, one that is new enough, cuDNN,
 * cuBLAS.
 */
std::vector<DeviceInfo> usableDevices();

/** A GPU in use. Lives as long as a dataset or a network is on it, and keeps lanes for the next networks. */
class Device {
 public:
  /** The device at `index` of usableDevices(), made current for this thread. */
  static std::shared_ptr<Device> open(int index);
  explicit Device(int ordinal) : ordinal_(ordinal) {}
  ~Device();

  int ordinal() const { return ordinal_; }
  /** Directs this thread's CUDA calls here. */
  void makeCurrent() const;

  /** A lane that nobody else uses, a kept one if there is one: making one takes milliseconds. */
  std::unique_ptr<Lane> takeLane();
  void giveBack(std::unique_ptr<Lane> lane);

 private:
  const int ordinal_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace convsweep::cuda
