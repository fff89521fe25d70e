#include "standin/cuda_runtime.h"

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define CASE(name) \
  case name:       \
    return #name
    CASE(cudaSuccess);
    CASE(cudaErrorInvalidValue);
    CASE(cudaErrorMemoryAllocation);
    CASE(cudaErrorInitializationError);
    CASE(cudaErrorInvalidDevicePointer);
    CASE(cudaErrorInsufficientDriver);
    CASE(cudaErrorNoDevice);
    CASE(cudaErrorInvalidDevice);
    CASE(cudaErrorECCUncorrectable);
    CASE(cudaErrorInvalidResourceHandle);
    CASE(cudaErrorNotReady);
    CASE(cudaErrorIllegalAddress);
    CASE(cudaErrorLaunchTimeout);
    CASE(cudaErrorAssert);
    CASE(cudaErrorHardwareStackError);
    CASE(cudaErrorIllegalInstruction);
    CASE(cudaErrorMisalignedAddress);
    CASE(cudaErrorInvalidAddressSpace);
    CASE(cudaErrorInvalidPc);
    CASE(cudaErrorLaunchFailure);
    CASE(cudaErrorNotSupported);
    CASE(cudaErrorStreamCaptureUnsupported);
    CASE(cudaErrorStreamCaptureInvalidated);
    CASE(cudaErrorStreamCaptureImplicit);
    CASE(cudaErrorUnknown);
#undef CASE
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    default:
      return cudaGetErrorName(error);
  }
}
