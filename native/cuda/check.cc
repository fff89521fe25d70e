#include "cuda/check.h"

#include <cstring>
#include <string>

#include "backend/error.h"
#include "cuda/libraries.h"
#include "cuda/memory.h"

namespace convsweep::cuda {
namespace {

std::string describe(const char* library, const char* name, const std::string& text, Place place) {
  const char* slash = std::strrchr(place.file, '/');
  return std::string(library) + " error " + name + " (" + text + ") from " + place.call + " at " +
         (slash ? slash + 1 : place.file) + ":" + std::to_string(place.line);
}

constexpr const char* kLost = "; this process can no longer use the device, start it again";

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

/** A library's failure, which may be that of the device beneath it. */
[[noreturn]] void fail(std::string what, bool memory) {
  const cudaError_t device = cudaGetLastError();
  if (device != cudaSuccess) {
    what += std::string("; the device reports ") + cudaGetErrorName(device) + " (" +
            cudaGetErrorString(device) + ")";
  }
  if (memory || device == cudaErrorMemoryAllocation) throw Error("OUT_OF_MEMORY", what + "; " + freeMemory());
  throw Error("NATIVE", what + (isSticky(device) ? kLost : ""));
}

}  // namespace

void check(cudaError_t status, Place place) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or the next kernel launch would report this error again
  const std::string what = describe("CUDA", cudaGetErrorName(status), cudaGetErrorString(status), place);
  if (status == cudaErrorMemoryAllocation) throw Error("OUT_OF_MEMORY", what + "; " + freeMemory());
  throw Error("NATIVE", what + (isSticky(status) ? kLost : ""));
}

void check(cudnnStatus_t status, Place place) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const Libraries& calls = libraries();
  char details[512] = "";
  calls.cudnnGetLastErrorString(details, sizeof details);
  fail(describe("cuDNN", calls.cudnnGetErrorString(status), details[0] ? details : "no details", place),
       status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
}

void check(cublasStatus_t status, Place place) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const Libraries& calls = libraries();
  fail(describe("cuBLAS", calls.cublasGetStatusName(status), calls.cublasGetStatusString(status), place),
       status == CUBLAS_STATUS_ALLOC_FAILED);
}

}  // namespace convsweep::cuda
