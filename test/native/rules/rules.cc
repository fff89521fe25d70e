// Breaks each rule of the stand-in once and sees that it is noticed; and keeps them all, and sees that
// nothing is. Prints a line per case: `ok` or `missed`, and its name.

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
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

/** A descriptor of the graph API. */
struct Graph {
  explicit Graph(cudnnBackendDescriptorType_t type) { cudnnBackendCreateDescriptor(type, &it); }
  ~Graph() { cudnnBackendDestroyDescriptor(it); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  template <typename T>
  Graph& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::vector<T> values) {
    cudnnBackendSetAttribute(it, name, type, static_cast<int64_t>(values.size()), values.data());
    return *this;
  }
  Graph& refer(cudnnBackendAttributeName_t name, const Graph& other) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::vector{other.it});
  }
  Graph& finalise() {
    status = cudnnBackendFinalize(it);
    return *this;
  }

  cudnnBackendDescriptor_t it = nullptr;
  cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
};

struct Tensor : Graph {
  Tensor(int64_t id, std::vector<int64_t> sizes, std::vector<int64_t> strides)
      : Graph(CUDNN_BACKEND_TENSOR_DESCRIPTOR) {
    set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, std::vector{id});
    set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, std::vector{CUDNN_DATA_FLOAT});
    set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::move(sizes));
    set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::move(strides));
    set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::vector<int64_t>{16});
    finalise();
  }
};

/** A 3 x 3 convolution of one image of 4 x 4 to 2 x `width`, and the plan for it with engine `index`. */
struct Convolution {
  Tensor x{1, {1, 1, 4, 4}, {16, 16, 4, 1}}, w{2, {1, 1, 3, 3}, {9, 9, 3, 1}}, y;
  Graph how{CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR};
  Graph operation{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR};
  Graph graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
  Graph plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};

  static constexpr int64_t kWorks = 1, kNotReproducible = 20;

  explicit Convolution(Bench& bench, int64_t index = kWorks, bool finalised = true, int64_t width = 2)
      : y(3, {1, 1, 2, width}, {2 * width, 2 * width, width, 1}) {
    const auto pair = [this](cudnnBackendAttributeName_t name, int64_t value) {
      how.set(name, CUDNN_TYPE_INT64, std::vector{value, value});
    };
    how.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, std::vector{CUDNN_DATA_FLOAT});
    how.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
            std::vector{CUDNN_CROSS_CORRELATION});
    how.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, std::vector<int64_t>{2});
    pair(CUDNN_ATTR_CONVOLUTION_DILATIONS, 1);
    pair(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1);
    pair(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 0);
    pair(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 0);
    how.finalise();
    operation.refer(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x);
    operation.refer(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w);
    operation.refer(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
    operation.refer(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, how);
    operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, std::vector<float>{1});
    operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, std::vector<float>{0});
    if (operation.finalise().status) return;
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, std::vector{bench.cudnn});
    graph.refer(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    graph.finalise();
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) choose(mode, index);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, std::vector{bench.cudnn});
    if (finalised) plan.finalise();
  }

  /** Gives the plan the engine of this index, if the heuristics name it. */
  void choose(cudnnBackendHeurMode_t mode, int64_t index) {
    Graph heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.refer(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, std::vector{mode}).finalise();
    int64_t count = 0;
    cudnnBackendGetAttribute(heuristics.it, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0,
                             &count, nullptr);
    std::vector<std::unique_ptr<Graph>> configurations;
    std::vector<cudnnBackendDescriptor_t> all;
    for (int64_t i = 0; i < count; ++i) {
      configurations.push_back(std::make_unique<Graph>(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
      all.push_back(configurations.back()->it);
    }
    cudnnBackendGetAttribute(heuristics.it, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                             count, &count, all.data());
    for (const auto& configuration : configurations) {
      Graph engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
      int64_t found = -1, one = 0;
      cudnnBackendGetAttribute(configuration->it, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                               1, &one, &engine.it);
      cudnnBackendGetAttribute(engine.it, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &one, &found);
      if (found == index) plan.refer(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, *configuration);
    }
  }

  size_t workspace() const {
    int64_t bytes = 0, one = 0;
    cudnnBackendGetAttribute(plan.it, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &one,
                             &bytes);
    return static_cast<size_t>(bytes);
  }
  cudnnStatus_t forward(Bench& bench, float* out, void* workspace) const {
    Graph operands(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    operands.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, std::vector<int64_t>{1, 2, 3});
    operands.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
                 std::vector<void*>{bench.device, bench.device + 16, out});
    operands.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, std::vector{workspace});
    return cudnnBackendExecute(bench.cudnn, plan.it, operands.finalise().it);
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
    const Convolution convolution(b);
    Memory workspace(convolution.workspace() - 1);
    convolution.forward(b, b.device + 32, workspace.data);
  });
  breaks("a convolution that writes over what it reads", [](Bench& b) {
    const Convolution convolution(b);
    Memory workspace(convolution.workspace());
    convolution.forward(b, b.device + 12, workspace.data);
  });
  breaks("a convolution whose operands are aligned worse than described", [](Bench& b) {
    const Convolution convolution(b);
    Memory workspace(convolution.workspace());
    convolution.forward(b, b.device + 33, workspace.data);
  });
  breaks("a convolution whose shapes do not fit",
         [](Bench& b) { const Convolution convolution(b, Convolution::kWorks, true, 3); });
  breaks("a layout that the backend does not use", [](Bench&) {
    const Tensor tensor(1, {1, 2, 4, 4}, {32, 1, 8, 2});
  });
  breaks("an engine that is not reproducible", [](Bench& b) {
    const Convolution convolution(b, Convolution::kNotReproducible);
    Memory workspace(convolution.workspace());
    convolution.forward(b, b.device + 32, workspace.data);
  });
  breaks("an engine that is not set as the heuristics said", [](Bench& b) {
    const Convolution convolution(b);
    Graph engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR), configuration(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    engine.refer(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, convolution.graph);
    engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector{Convolution::kWorks});
    configuration.refer(CUDNN_ATTR_ENGINECFG_ENGINE, engine.finalise()).finalise();
  });
  breaks("a plan that was not finalised", [](Bench& b) {
    const Convolution convolution(b, Convolution::kWorks, false);
    convolution.forward(b, b.device + 32, nullptr);
  });
  breaks("a plan that is changed when it is finalised", [](Bench& b) {
    Convolution convolution(b);
    convolution.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, std::vector{b.cudnn});
  });
  breaks("a plan that runs on another device", [](Bench& b) {
    cudaSetDevice(1);
    {
      Bench other;
      const Convolution convolution(other);
      Memory workspace(convolution.workspace());
      cudaSetDevice(0);
      convolution.forward(b, b.device + 32, workspace.data);
      cudaSetDevice(1);
    }
    cudaSetDevice(0);
  });
  keeps("a convolution", [](Bench& b) {
    const Convolution convolution(b);
    Memory workspace(convolution.workspace());
    standinLaunch(b.stream, [place = b.device] {
      for (int i = 0; i < 25; ++i) place[i] = i < 16 ? static_cast<float>(i) : 1;
    });
    const bool queued = convolution.forward(b, b.device + 32, workspace.data) == CUDNN_STATUS_SUCCESS;
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
  keeps("a convolution's sums in float32 on request", [](Bench& b) {
    const auto output = [&b](const char* words) {
      standin::configure(words);
      const Convolution convolution(b);
      Memory workspace(convolution.workspace());
      standinLaunch(b.stream, [place = b.device] {
        std::fill(place, place + 16, 0.0f);
        std::fill(place + 16, place + 25, 1.0f);
        place[0] = 0x1p24f;
        place[1] = 1;
        place[2] = -0x1p24f;
      });
      convolution.forward(b, b.device + 32, workspace.data);
      cudaMemcpyAsync(b.pinned, b.device + 32, 4, cudaMemcpyDeviceToHost, b.stream);
      b.wait();
      return *b.pinned;
    };
    const bool exact = output("") == 1, rounded = output("sums=float32") == 0;
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
