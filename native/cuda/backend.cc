#include "backend/backend.h"

#include <cudnn.h>

#include "backend/error.h"
#include "cuda/dataset.h"
#include "cuda/device.h"
#include "cuda/libraries.h"
#include "cuda/session.h"

namespace convsweep::backend {
namespace {

std::string cudaToolkit() {
  return std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10);
}

}  // namespace

BuildInfo buildInfo() {
  BuildInfo info{"cuda", {}, "", {{"CUDA", cudaToolkit()}}};
  try {
    const cuda::Libraries& found = cuda::libraries();
    info.libraries.emplace_back("cuDNN", found.cudnnVersion);
    info.libraries.emplace_back("cuBLAS", found.cublasVersion);
  } catch (const Error&) {
    // devices() says what is missing; here are the versions that the build was made for.
    info.libraries.emplace_back("cuDNN", std::to_string(CUDNN_MAJOR) + " (not found)");
    info.libraries.emplace_back("cuBLAS", std::to_string(CUBLAS_VER_MAJOR) + " (not found)");
  }
  return info;
}

std::vector<DeviceInfo> devices() {
  return cuda::usableDevices();
}

void prepareThread() {}

size_t memoryInUse() {
  return cuda::deviceBytesInUse;
}

std::unique_ptr<DeviceDataset> createDataset(int device, const uint8_t* images, const uint8_t* labels,
                                             size_t count, size_t imageSize) {
  return std::make_unique<cuda::CudaDataset>(cuda::Device::open(device), images, labels, count, imageSize);
}

std::unique_ptr<Session> createSession(int device, const Plan& plan, const Adam& adam,
                                       const SessionOptions& options) {
  return std::make_unique<cuda::CudaSession>(cuda::Device::open(device), plan, adam, options);
}

}  // namespace convsweep::backend
