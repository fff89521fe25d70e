#include "cuda/check.h"

#include <cstring>
#include <string>

#include "cuda/libraries.h"
#include "cuda/memory.h"
#include "engine/error.h"

namespace convsweep::cuda {
namespace {

std::string describe(const char* library, const char* name, const std::string& text, Place place) {
  const char* slash = std::strrchr(place.file, '/');
  return std::string(library) + " error " + name + " (" + text + ") from " + place.call + " at " +
         (slash ? slash + 1 : place.file) + ":" + std::to_string(place.line);
}

/** Whether the device is lost to this process: after these, every further call returns the same error. */
bool isSticky(cudaError_t status) {
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
      return true;
    default:
      return false;
  }
}

/** What a library's own failure does not say: that the device failed beneath it. */
std::string deviceError() {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) return "";
  return std::string("; the device reports ") + cudaGetErrorName(status) + " (" + cudaGetErrorString(status) +
         ")";
}

}  // namespace

void check(cudaError_t status, Place place) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or the next kernel launch would report this error again
  const std::string what = describe("CUDA", cudaGetErrorName(status), cudaGetErrorString(status), place);
  if (status == cudaErrorMemoryAllocation) throw Error("OUT_OF_MEMORY", what + "; " + freeMemory());
  throw Error("NATIVE",
              what + (isSticky(status) ? "; this process can no longer use the device, start it again" : ""));
}

void check(cudnnStatus_t status, Place place) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char details[512] = "";
  libraries().cudnnGetLastErrorString(details, sizeof details);
  std::string text = details[0] ? details : "no details";
  const std::string what =
      describe("cuDNN", libraries().cudnnGetErrorString(status), text, place) + deviceError();
  if (status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) {
    throw Error("OUT_OF_MEMORY", what + "; " + freeMemory());
  }
  throw Error("NATIVE", what);
}

void check(cublasStatus_t status, Place place) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const Libraries& calls = libraries();
  const std::string what =
      describe("cuBLAS", calls.cublasGetStatusName(status), calls.cublasGetStatusString(status), place) +
      deviceError();
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw Error("OUT_OF_MEMORY", what + "; " + freeMemory());
  throw Error("NATIVE", what);
}

}  // namespace convsweep::cuda
