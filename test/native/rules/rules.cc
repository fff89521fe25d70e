// Breaks each rule of the stand-in once and sees that it is noticed; and keeps them all, and sees that
// nothing is. Prints a line per case: `ok` or `missed`, and its name.

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "standin/device.h"
#include "standin/handle.h"

namespace {

/** What most cases need: a stream, and device and pinned memory for 256 floats each. */
struct Bench {
  cudaStream_t stream = nullptr;
  float *device = nullptr, *pinned = nullptr;
  cudnnHandle_t cudnn = nullptr;
  cublasHandle_t cublas = nullptr;

  Bench() {
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaMalloc(reinterpret_cast<void**>(&device), 1024);
    cudaMallocHost(reinterpret_cast<void**>(&pinned), 1024);
    cudnnCreate(&cudnn);
    cudnnSetStream(cudnn, stream);
    cublasCreate_v2(&cublas);
  }
  ~Bench() {
    cublasDestroy_v2(cublas);
    cudnnDestroy(cudnn);
    cudaFreeHost(pinned);
    cudaFree(device);
    cudaStreamDestroy(stream);
  }

  /** Puts `value` into `device[0]`. */
  cudaError_t set(float value) {
    return standinLaunch(stream, [place = device, value] { *place = value; });
  }
  cudaError_t fetch() { return cudaMemcpyAsync(pinned, device, 4, cudaMemcpyDeviceToHost, stream); }
  cudaError_t wait() { return cudaStreamSynchronize(stream); }
};

/** A 3 x 3 convolution of one image of 4 x 4 to 2 x 2, and where its operands lie. */
struct Convolution {
  cudnnTensorDescriptor_t x, y;
  cudnnFilterDescriptor_t w;
  cudnnConvolutionDescriptor_t how;

  Convolution() {
    cudnnCreateTensorDescriptor(&x);
    cudnnCreateTensorDescriptor(&y);
    cudnnCreateFilterDescriptor(&w);
    cudnnCreateConvolutionDescriptor(&how);
    cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 4, 4);
    cudnnSetTensor4dDescriptor(y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 2, 2);
    cudnnSetFilter4dDescriptor(w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 1, 1, 3, 3);
    cudnnSetConvolution2dDescriptor(how, 0, 0, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
  }
  ~Convolution() {
    cudnnDestroyConvolutionDescriptor(how);
    cudnnDestroyFilterDescriptor(w);
    cudnnDestroyTensorDescriptor(y);
    cudnnDestroyTensorDescriptor(x);
  }
  size_t workspace() const {
    size_t bytes = 0;
    cudnnGetConvolutionForwardWorkspaceSize(nullptr, x, w, how, y, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                                            &bytes);
    return bytes;
  }
  cudnnStatus_t forward(Bench& bench, float* out, void* workspace, size_t bytes) const {
    const float one = 1, zero = 0;
    return cudnnConvolutionForward(bench.cudnn, &one, x, bench.device, w, bench.device + 16, how,
                                   CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, workspace, bytes, &zero, y, out);
  }
};

cublasStatus_t multiply(Bench& bench, int stride) {
  const float one = 1, zero = 0;
  return cublasSgemm_v2(bench.cublas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, bench.device, stride,
                        bench.device + 8, 2, &zero, bench.device + 16, 2);
}

struct Memory {
  explicit Memory(size_t bytes) { cudaMalloc(&data, bytes); }
  ~Memory() { cudaFree(data); }
  void* data = nullptr;
};

/** Whether the calls broke a rule. */
bool noticed(const std::function<void()>& calls) {
  const size_t before = standin::report().violations.size();
  calls();
  return standin::report().violations.size() > before;
}

void report(const char* name, bool ok) {
  std::printf("%s %s\n", ok ? "ok" : "missed", name);
}

void breaks(const char* name, const std::function<void(Bench&)>& calls) {
  Bench bench;
  const bool broken = noticed([&] { calls(bench); });
  int device = 0;
  const bool lost = cudaGetDevice(&device) == cudaErrorIllegalAddress;
  report(name, broken && lost);
  standin::configure("");
  cudaSetDevice(0);
}

void keeps(const char* name, const std::function<bool(Bench&)>& calls) {
  Bench bench;
  bool right = false;
  const bool broken = noticed([&] { right = calls(bench); });
  report(name, right && !broken);
}

template <typename F>
cudaGraph_t capture(Bench& bench, F calls) {
  cudaStreamBeginCapture(bench.stream, cudaStreamCaptureModeThreadLocal);
  calls();
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(bench.stream, &graph);
  return graph;
}

/** What other threads may do that breaks a capture. */
const std::pair<const char*, void (*)()> kDeviceWide[] = {
    {"a capture that another thread breaks by synchronising the device", [] { cudaDeviceSynchronize(); }},
    {"a capture that another thread breaks by allocating and freeing", [] { Memory memory(4); }},
    {"a capture that another thread breaks by making and destroying a cuBLAS handle",
     [] {
       cublasHandle_t handle = nullptr;
       cublasCreate_v2(&handle);
       cublasDestroy_v2(handle);
     }},
    {"a capture that another thread breaks by making and destroying a cuDNN handle",
     [] {
       cudnnHandle_t handle = nullptr;
       cudnnCreate(&handle);
       cudnnDestroy(handle);
     }},
};

void memory() {
  breaks("a copy beyond an allocation",
         [](Bench& b) { cudaMemcpyAsync(b.device + 1, b.pinned, 1024, cudaMemcpyHostToDevice, b.stream); });
  breaks("a copy to host memory as if it were the device's",
         [](Bench& b) { cudaMemcpyAsync(b.pinned, b.pinned, 4, cudaMemcpyHostToDevice, b.stream); });
  breaks("a copy from another device's memory", [](Bench& b) {
    cudaSetDevice(1);
    {
      Memory other(1024);
      cudaSetDevice(0);
      cudaMemcpyAsync(b.device, other.data, 4, cudaMemcpyDeviceToDevice, b.stream);
      cudaSetDevice(1);
    }
    cudaSetDevice(0);
  });
  breaks("freeing twice", [](Bench&) {
    void* pointer = nullptr;
    cudaMalloc(&pointer, 4);
    cudaFree(pointer);
    cudaFree(pointer);
  });
  breaks("work on the default stream", [](Bench& b) { cudaMemsetAsync(b.device, 0, 4, nullptr); });
  breaks("work on a stream of another device", [](Bench& b) {
    cudaSetDevice(1);
    cudaMemcpyAsync(b.pinned, b.device, 4, cudaMemcpyDeviceToHost, b.stream);
    cudaSetDevice(0);
  });
  keeps("results that are read too early are poison", [](Bench& b) {
    b.set(1);
    b.fetch();
    const bool poison = std::isnan(*b.pinned);
    b.wait();
    return poison && *b.pinned == 1;
  });
  keeps("fresh memory is poison", [](Bench& b) {
    b.fetch();
    b.wait();
    return std::isnan(*b.pinned);
  });
  keeps("an event passes in time", [](Bench& b) {
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    b.set(2);
    b.fetch();
    cudaEventRecord(event, b.stream);
    int looks = 0;
    while (cudaEventQuery(event) == cudaErrorNotReady) ++looks;
    cudaEventDestroy(event);
    return looks == 2 && *b.pinned == 2;
  });
  keeps("what is left over is counted", [](Bench&) {
    const auto before = standin::report().alive;
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    const bool counted = standin::report().alive.at("event") == 1;
    cudaEventDestroy(event);
    return counted && standin::report().alive == before;
  });
}

void captures() {
  breaks("an allocation during a capture", [](Bench& b) { capture(b, [] { Memory memory(4); }); });
  breaks("waiting during a capture", [](Bench& b) { capture(b, [&] { b.wait(); }); });
  breaks("a kernel that is captured before it ever ran",
         [](Bench& b) { cudaGraphDestroy(capture(b, [&] { standinLaunch(b.stream, [] {}); })); });
  breaks("a copy of pageable memory in a capture", [](Bench& b) {
    float value = 0;
    cudaGraphDestroy(
        capture(b, [&] { cudaMemcpyAsync(b.device, &value, 4, cudaMemcpyHostToDevice, b.stream); }));
  });
  breaks("a graph that is destroyed before it ran", [](Bench& b) {
    b.set(0);
    cudaGraph_t graph = capture(b, [&] { b.set(1); });
    cudaGraphExec_t exec = nullptr;
    cudaGraphInstantiate(&exec, graph, 0);
    cudaGraphLaunch(exec, b.stream);
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    b.wait();
  });
  for (const auto& [name, call] : kDeviceWide) {
    keeps(name, [&call = call](Bench& b) {
      b.set(0);
      cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal);
      b.set(1);
      std::thread(call).join();
      const bool refused = b.set(1) == cudaErrorStreamCaptureInvalidated;
      cudaGraph_t graph = nullptr;
      const bool broken = cudaStreamEndCapture(b.stream, &graph) == cudaErrorStreamCaptureInvalidated;
      return refused && broken && !graph && b.set(2) == cudaSuccess;
    });
  }
  keeps("a capture that another thread leaves alone: it waits for its own stream", [](Bench& b) {
    b.set(0);
    Bench other;
    cudaStreamBeginCapture(b.stream, cudaStreamCaptureModeThreadLocal);
    std::thread([&] {
      other.set(1);
      other.wait();
    }).join();
    b.set(1);
    cudaGraph_t graph = nullptr;
    const bool whole = cudaStreamEndCapture(b.stream, &graph) == cudaSuccess;
    cudaGraphDestroy(graph);
    return whole;
  });
  keeps("destroying a handle waits for the device", [](Bench& b) {
    cublasHandle_t handle = nullptr;
    cublasCreate_v2(&handle);
    b.set(5);
    b.fetch();
    cublasDestroy_v2(handle);
    return *b.pinned == 5;
  });
  keeps("a graph replays what was captured, and nothing ran meanwhile", [](Bench& b) {
    const auto increment = [&] { standinLaunch(b.stream, [place = b.device] { *place += 1; }); };
    b.set(0);
    increment();
    cudaGraph_t graph = capture(b, increment);
    cudaGraphExec_t exec = nullptr;
    cudaGraphInstantiate(&exec, graph, 0);
    for (int i = 0; i < 3; ++i) cudaGraphLaunch(exec, b.stream);
    b.fetch();
    b.wait();
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    return *b.pinned == 4;
  });
}

void libraries() {
  breaks("a product without a workspace set after the stream", [](Bench& b) {
    Memory workspace(4096);
    cublasSetWorkspace_v2(b.cublas, workspace.data, 4096);
    cublasSetStream_v2(b.cublas, b.stream);
    multiply(b, 2);
    b.wait();
  });
  breaks("a product beyond its memory", [](Bench& b) {
    Memory workspace(4096);
    cublasSetStream_v2(b.cublas, b.stream);
    cublasSetWorkspace_v2(b.cublas, workspace.data, 4096);
    multiply(b, 300);
  });
  keeps("a product of two matrices", [](Bench& b) {
    Memory workspace(4096);
    cublasSetStream_v2(b.cublas, b.stream);
    cublasSetWorkspace_v2(b.cublas, workspace.data, 4096);
    standinLaunch(b.stream, [place = b.device] {
      for (int i = 0; i < 16; ++i) place[i] = static_cast<float>(i);
    });
    const bool queued = multiply(b, 2) == CUBLAS_STATUS_SUCCESS;
    cudaMemcpyAsync(b.pinned, b.device + 16, 16, cudaMemcpyDeviceToHost, b.stream);
    b.wait();
    // [0 2; 1 3] [8 10; 9 11], column by column.
    return queued && b.pinned[0] == 18 && b.pinned[1] == 35 && b.pinned[2] == 22 && b.pinned[3] == 43;
  });
  breaks("a convolution with a workspace that is too small", [](Bench& b) {
    const Convolution convolution;
    Memory workspace(convolution.workspace());
    convolution.forward(b, b.device + 32, workspace.data, convolution.workspace() - 1);
  });
  breaks("a convolution that writes over what it reads", [](Bench& b) {
    const Convolution convolution;
    Memory workspace(convolution.workspace());
    convolution.forward(b, b.device + 15, workspace.data, convolution.workspace());
  });
  breaks("a convolution whose shapes do not fit", [](Bench& b) {
    const Convolution convolution;
    cudnnSetTensor4dDescriptor(convolution.y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 3, 2);
    convolution.forward(b, b.device + 32, b.device, 0);
  });
  breaks("a layout that the backend does not use", [](Bench&) {
    const Convolution convolution;
    cudnnSetTensor4dDescriptor(convolution.x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 1, 4, 4);
  });
  breaks("an algorithm that is not reproducible", [](Bench& b) {
    const Convolution convolution;
    Memory workspace(4096);
    const float one = 1, zero = 0;
    cudnnConvolutionBackwardFilter(b.cudnn, &one, convolution.x, b.device, convolution.y, b.device + 32,
                                   convolution.how, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, workspace.data, 4096,
                                   &zero, convolution.w, b.device + 16);
  });
  keeps("a convolution", [](Bench& b) {
    const Convolution convolution;
    Memory workspace(convolution.workspace());
    standinLaunch(b.stream, [place = b.device] {
      for (int i = 0; i < 25; ++i) place[i] = i < 16 ? static_cast<float>(i) : 1;
    });
    const bool queued = convolution.forward(b, b.device + 32, workspace.data, convolution.workspace()) ==
                        CUDNN_STATUS_SUCCESS;
    cudaMemcpyAsync(b.pinned, b.device + 32, 16, cudaMemcpyDeviceToHost, b.stream);
    b.wait();
    return queued && b.pinned[0] == 45 && b.pinned[1] == 54 && b.pinned[2] == 81 && b.pinned[3] == 90;
  });
  keeps("sums in float32 on request", [](Bench& b) {
    // 2^24 + 1 is no float32.
    const auto product = [&b](const char* words) {
      standin::configure(words);
      Memory workspace(4096);
      cublasSetStream_v2(b.cublas, b.stream);
      cublasSetWorkspace_v2(b.cublas, workspace.data, 4096);
      standinLaunch(b.stream, [place = b.device] {
        const float a[] = {0x1p24f, 0, 1, 0}, other[] = {1, 1, 0, 0};
        std::copy(a, a + 4, place);
        std::copy(other, other + 4, place + 8);
      });
      const float minus = -1, one = 1;
      standinLaunch(b.stream, [place = b.device] { place[16] = 0x1p24f; });
      cublasSgemm_v2(b.cublas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, b.device, 2, b.device + 8, 2, &minus,
                     b.device + 16, 2);
      cudaMemcpyAsync(b.pinned, b.device + 16, 4, cudaMemcpyDeviceToHost, b.stream);
      b.wait();
      return *b.pinned;
    };
    const bool exact = product("") == 1, rounded = product("sums=float32") == 0;
    standin::configure("");
    return exact && rounded;
  });
  keeps("TF32 is truncated on request", [](Bench&) {
    standin::configure("tf32=truncate");
    const bool truncated =
        standin::toTf32(1 + 0x1.8p-10f) == 1 + 0x1p-10f && standin::toTf32(-1 - 0x1.ffp-11f) == -1;
    standin::configure("");
    return truncated;
  });
  keeps("allocations lie on 16 bytes only on request", [](Bench&) {
    standin::configure("alignment=16");
    const Memory memory(1024);
    const bool on16 = reinterpret_cast<uintptr_t>(memory.data) % 32 == 16;
    standin::configure("");
    return on16;
  });
  keeps("TF32 keeps ten bits of the mantissa, ties to even", [](Bench&) {
    return standin::toTf32(1 + 0x1p-10f) == 1 + 0x1p-10f && standin::toTf32(1 + 0x1p-11f) == 1 &&
           standin::toTf32(1 + 0x1.8p-10f) == 1 + 0x1p-9f &&
           standin::toTf32(-1 - 0x1.01p-11f) == -1 - 0x1p-10f;
  });
}

void faults() {
  standin::configure("capture=2");
  keeps("a capture is broken on request", [](Bench& b) {
    b.set(0);
    const auto once = [&] {
      cudaGraph_t graph = capture(b, [&] { b.set(1); });
      const bool whole = graph != nullptr;
      if (graph) cudaGraphDestroy(graph);
      return whole;
    };
    return once() && !once() && once();
  });
  standin::configure("oom=3");
  keeps("memory ends after so many allocations", [](Bench&) {
    const Memory second(4);
    void* third = nullptr;
    return second.data && cudaMalloc(&third, 4) == cudaErrorMemoryAllocation && !third;
  });
  standin::configure("memory=1");
  keeps("memory ends", [](Bench&) {
    void* pointer = nullptr;
    return cudaMalloc(&pointer, size_t{1} << 20) == cudaErrorMemoryAllocation;
  });
  standin::configure("sticky=2");
  keeps("a device is lost, and stays lost", [](Bench& b) {
    b.set(1);
    const bool first = b.wait() == cudaSuccess;
    b.set(2);
    const bool second = b.wait() == cudaErrorIllegalAddress;
    int device = 0;
    return first && second && cudaGetDevice(&device) == cudaErrorIllegalAddress &&
           b.set(3) == cudaErrorIllegalAddress;
  });
  standin::configure("");
}

}  // namespace

int main() {
  memory();
  captures();
  libraries();
  faults();
  report("everything was freed", standin::report().alive.empty() || standin::report().alive.at("bytes") == 0);
  for (const auto& [kind, count] : standin::report().alive) {
    if (count > 0) std::printf("missed %zu of kind %s are left\n", count, kind.c_str());
  }
}
