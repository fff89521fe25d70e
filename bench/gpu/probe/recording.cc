#include "bench/gpu/probe/recording.h"

#include <algorithm>
#include <string>

#include "backend/error.h"
#include "cuda/check.h"

namespace convsweep::probe {
namespace {

using Graph = cuda::Owned<cudaGraph_t, cudaGraphDestroy>;

/** Of `work` in one recording, so that launching it does not count. */
constexpr int kRepeats = 16;
constexpr int kLaunches = 3;

cuda::Event makeTimedEvent() {
  cudaEvent_t event = nullptr;
  CUDART(cudaEventCreateWithFlags, &event, cudaEventDefault);
  return cuda::Event(event);
}

}  // namespace

Recording record(cudaStream_t stream, const std::function<void()>& work) {
  Recording result;
  result.status = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  if (result.status != cudaSuccess) return result;
  try {
    work();
  } catch (const Error&) {
    // The end says what has become of the recording.
  }
  cudaGraph_t handle = nullptr;
  result.status = cudaStreamEndCapture(stream, &handle);
  const Graph graph(handle);
  cudaGraphExec_t exec = nullptr;
  if (result.status == cudaSuccess) result.status = cudaGraphGetNodes(handle, nullptr, &result.nodes);
  if (result.status == cudaSuccess) result.status = cudaGraphInstantiate(&exec, handle, 0);
  result.graph = cuda::GraphExec(exec);
  cudaGetLastError();
  return result;
}

double microseconds(cudaStream_t stream, const std::function<void()>& work) {
  const Recording recording = record(stream, [&] {
    for (int i = 0; i < kRepeats; ++i) work();
  });
  cuda::check(recording.status, {"cudaStreamEndCapture", __FILE__, __LINE__});
  const cuda::Event begin = makeTimedEvent(), end = makeTimedEvent();
  float fastest = 0;
  for (int launch = 0; launch <= kLaunches; ++launch) {
    CUDART(cudaEventRecord, begin.get(), stream);
    CUDART(cudaGraphLaunch, recording.graph.get(), stream);
    CUDART(cudaEventRecord, end.get(), stream);
    CUDART(cudaEventSynchronize, end.get());
    float milliseconds = 0;
    CUDART(cudaEventElapsedTime, &milliseconds, begin.get(), end.get());
    // The first one uploads the recording.
    if (launch == 1 || (launch > 1 && milliseconds < fastest)) fastest = milliseconds;
  }
  return double{fastest} * 1e3 / kRepeats;
}

}  // namespace convsweep::probe
