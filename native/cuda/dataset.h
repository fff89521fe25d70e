#pragma once

#include <memory>

#include "cuda/device.h"
#include "cuda/memory.h"

namespace convsweep::cuda {

/** Images and labels in device memory, as uint8: rescaled on loading, a quarter of the room and of the
 * reading. */
class CudaDataset final : public DeviceDataset {
 public:
  CudaDataset(std::shared_ptr<Device> device, const uint8_t* images, const uint8_t* labels, size_t count,
              size_t imageSize);

  const Device& device() const { return *device_; }
  const uint8_t* images() const { return images_.as<uint8_t>(); }
  const uint8_t* labels() const { return labels_.as<uint8_t>(); }

 private:
  const std::shared_ptr<Device> device_;
  DeviceMemory images_, labels_;
};

}  // namespace convsweep::cuda
