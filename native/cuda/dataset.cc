#include "cuda/dataset.h"

#include <utility>

#include "cuda/check.h"

namespace convsweep::cuda {

CudaDataset::CudaDataset(std::shared_ptr<Device> device, const uint8_t* images, const uint8_t* labels,
                         size_t count, size_t imageSize)
    : device_(std::move(device)),
      images_(device_->memory(count * imageSize, "the images")),
      labels_(device_->memory(count, "the labels")) {
  const CaptureGate::Unsafe unsafe(device_->captureGate());
  const Stream stream = makeStream();
  CUDART(cudaMemcpyAsync, images_.as(), images, count * imageSize, cudaMemcpyHostToDevice, stream.get());
  CUDART(cudaMemcpyAsync, labels_.as(), labels, count, cudaMemcpyHostToDevice, stream.get());
  CUDART(cudaStreamSynchronize, stream.get());
}

}  // namespace convsweep::cuda
