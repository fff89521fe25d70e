#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "standin/state.h"

namespace standin {

namespace {

/** Ends the captures that other threads have open on a device. The state is locked. */
void breakCaptures(int device) {
  for (Stream* stream : state().streams) {
    if (stream->device == device && stream->capture == cudaStreamCaptureStatusActive &&
        stream->capturer != std::this_thread::get_id()) {
      stream->capture = cudaStreamCaptureStatusInvalidated;
    }
  }
}

}  // namespace

void perform(const Operation& operation) {
  bool hangs = false;
  {
    const Lock lock(state().mutex);
    if (state().lost) return;
    state().kinds.insert(operation.name);
    if (++state().operations == state().faults.stickyAt) {
      state().lost = true;
      return;
    }
    hangs = state().operations == state().faults.hangAt;
  }
  while (hangs) std::this_thread::sleep_for(std::chrono::hours(1));
  operation.run();
}

void runUntil(Stream* stream, uint64_t place) {
  const std::lock_guard running(stream->running);
  const Reach reach(stream->device);
  for (;;) {
    Operation operation;
    {
      const Lock lock(state().mutex);
      if (stream->done >= place || stream->pending.empty()) return;
      operation = std::move(stream->pending.front());
      stream->pending.pop_front();
    }
    perform(operation);
    const Lock lock(state().mutex);
    ++stream->done;
  }
}

void runAll(int device) {
  std::vector<std::pair<Stream*, uint64_t>> streams;
  {
    const Lock lock(state().mutex);
    for (Stream* stream : state().streams) {
      if (stream->device == device) streams.emplace_back(stream, stream->submitted);
    }
  }
  for (const auto& [stream, place] : streams) runUntil(stream, place);
}

cudaError_t checkedStream(Stream* stream, const char* call) {
  if (!stream) {
    violation(std::string(call) + " on the default stream, which waits for everything");
    return cudaErrorInvalidResourceHandle;
  }
  if (!alive(stream, "stream")) {
    violation(std::string(call) + " on a stream that does not exist");
    return cudaErrorInvalidResourceHandle;
  }
  if (stream->device != currentDevice()) {
    violation(std::string(call) + " on a stream of another device than the thread's");
    return cudaErrorInvalidResourceHandle;
  }
  return cudaSuccess;
}

cudaError_t unsafeCall(const char* call) {
  Stream* capturing = nullptr;
  {
    const Lock lock(state().mutex);
    for (Stream* stream : state().streams) {
      if (stream->capture == cudaStreamCaptureStatusNone) continue;
      const bool mine = stream->capturer == std::this_thread::get_id();
      if (stream->mode == cudaStreamCaptureModeGlobal ||
          (mine && stream->mode != cudaStreamCaptureModeRelaxed)) {
        capturing = stream;
        stream->capture = cudaStreamCaptureStatusInvalidated;
      }
    }
  }
  if (!capturing) return cudaSuccess;
  violation(std::string(call) + " during a capture");
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t deviceWideCall(const char* call) {
  if (const cudaError_t error = unsafeCall(call)) return error;
  const Lock lock(state().mutex);
  breakCaptures(currentDevice());
  return cudaSuccess;
}

cudaError_t deviceWideWait(const char* call) {
  if (const cudaError_t error = deviceWideCall(call)) return error;
  runAll(currentDevice());
  return cudaSuccess;
}

cudaError_t submit(Stream* stream, Operation operation) {
  if (const cudaError_t error = health()) return error;
  if (const cudaError_t error = checkedStream(stream, operation.name.c_str())) return error;
  bool overflows = false, fresh = false;
  {
    const Lock lock(state().mutex);
    if (stream->capture == cudaStreamCaptureStatusInvalidated) return cudaErrorStreamCaptureInvalidated;
    if (stream->capture == cudaStreamCaptureStatusActive) {
      fresh = !state().kinds.contains(operation.name);
      stream->captured.push_back(operation);
    } else {
      // Its code is loaded, which may wait for the device.
      if (state().kinds.insert(operation.name).second) breakCaptures(stream->device);
      stream->pending.push_back(std::move(operation));
      ++stream->submitted;
      state().deepest = std::max(state().deepest, stream->pending.size());
      overflows = stream->pending.size() > Stream::kDepth;
    }
  }
  if (fresh)
    violation(operation.name + " was captured before it ever ran: CUDA loads code at the first launch");
  if (overflows) runUntil(stream, stream->done + Stream::kDepth / 2);
  return cudaSuccess;
}

}  // namespace standin

using namespace standin;

cudaError_t standinLaunch(cudaStream_t stream, std::function<void()> kernel) {
  const char* const kind = kernel.target_type().name();
  return remember(submit(stream, {kind, std::move(kernel)}));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (const cudaError_t error = health()) return remember(error);
  if (flags != cudaStreamNonBlocking) violation("a stream that waits for the default stream");
  *stream = new Stream;
  (*stream)->device = currentDevice();
  born(*stream, "stream");
  const Lock lock(state().mutex);
  state().streams.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (!died(stream, "stream")) return remember(cudaErrorInvalidResourceHandle);
  if (stream->capture != cudaStreamCaptureStatusNone) violation("a stream was destroyed while it captures");
  runUntil(stream, stream->submitted);
  {
    const Lock lock(state().mutex);
    for (Event* event : state().events) {
      if (event->stream == stream) event->stream = nullptr;
    }
    state().streams.erase(stream);
  }
  delete stream;
  return remember(health());
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = unsafeCall("cudaStreamSynchronize")) return remember(error);
  if (const cudaError_t error = checkedStream(stream, "cudaStreamSynchronize")) return remember(error);
  ++state().waits;
  runUntil(stream, stream->submitted);
  return remember(health());
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (const cudaError_t error = health()) return remember(error);
  if (const cudaError_t error = checkedStream(stream, "cudaStreamBeginCapture")) return remember(error);
  const Lock lock(state().mutex);
  if (stream->capture != cudaStreamCaptureStatusNone) return remember(cudaErrorStreamCaptureUnsupported);
  stream->capture = cudaStreamCaptureStatusActive;
  stream->mode = mode;
  stream->capturer = std::this_thread::get_id();
  stream->captured.clear();
  if (++state().capturesBegun == faults().captureBrokenAt || faults().breaksEveryCapture)
    stream->capture = cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (const cudaError_t error = checkedStream(stream, "cudaStreamEndCapture")) return remember(error);
  std::this_thread::sleep_for(std::chrono::milliseconds(faults().linger));
  cudaStreamCaptureStatus status;
  {
    const Lock lock(state().mutex);
    status = stream->capture;
    stream->capture = cudaStreamCaptureStatusNone;
    if (status == cudaStreamCaptureStatusInvalidated) ++state().broken;
  }
  *graph = nullptr;
  if (status == cudaStreamCaptureStatusInvalidated) return remember(cudaErrorStreamCaptureInvalidated);
  if (status == cudaStreamCaptureStatusNone || stream->capturer != std::this_thread::get_id()) {
    violation("cudaStreamEndCapture without this thread's cudaStreamBeginCapture");
    return remember(cudaErrorInvalidValue);
  }
  *graph = new Graph{stream->device, std::move(stream->captured)};
  stream->captured.clear();
  born(*graph, "graph");
  const Lock lock(state().mutex);
  ++state().captures;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  if (const cudaError_t error = health()) return remember(error);
  *event = new Event;
  (*event)->timed = !(flags & cudaEventDisableTiming);
  born(*event, "event");
  const Lock lock(state().mutex);
  state().events.insert(*event);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (!died(event, "event")) return remember(cudaErrorInvalidResourceHandle);
  {
    const Lock lock(state().mutex);
    state().events.erase(event);
  }
  delete event;
  return remember(health());
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = health()) return remember(error);
  if (!alive(event, "event")) return remember(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = checkedStream(stream, "cudaEventRecord")) return remember(error);
  if (stream->capture != cudaStreamCaptureStatusNone) {
    violation("cudaEventRecord in a capture: the stand-in captures single streams");
    return remember(cudaErrorNotSupported);
  }
  if (event->timed) {
    const cudaError_t error = submit(stream, {"event", [event] {
                                                if (alive(event, "event"))
                                                  event->passed = std::chrono::steady_clock::now();
                                              }});
    if (error) return remember(error);
  }
  const Lock lock(state().mutex);
  event->stream = stream;
  event->place = stream->submitted;
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = unsafeCall("cudaEventQuery")) return remember(error);
  if (!alive(event, "event")) return remember(cudaErrorInvalidResourceHandle);
  Stream* const stream = event->stream;
  // Time passes: one more piece of work is done by the next look.
  if (stream && stream->done < event->place) {
    runUntil(stream, stream->done + 1);
    return health() ? remember(health()) : cudaErrorNotReady;
  }
  return remember(health());
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = unsafeCall("cudaEventSynchronize")) return remember(error);
  if (!alive(event, "event")) return remember(cudaErrorInvalidResourceHandle);
  if (event->stream) runUntil(event->stream, event->place);
  return remember(health());
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  for (const Event* event : {begin, end}) {
    if (!alive(event, "event") || !event->timed || !event->stream)
      return remember(cudaErrorInvalidResourceHandle);
    if (event->stream->done < event->place) return remember(cudaErrorNotReady);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(end->passed - begin->passed).count();
  return remember(health());
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (!alive(graph, "graph")) return remember(cudaErrorInvalidResourceHandle);
  if (nodes) return remember(cudaErrorNotSupported);
  *count = graph->operations.size();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (const cudaError_t error = health()) return remember(error);
  if (!alive(graph, "graph")) return remember(cudaErrorInvalidResourceHandle);
  *exec = new GraphExec{graph->device, graph->operations};
  born(*exec, "executable graph");
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (!alive(exec, "executable graph")) return remember(cudaErrorInvalidResourceHandle);
  if (exec->device != currentDevice()) {
    violation("cudaGraphLaunch on another device than the capture's");
    return remember(cudaErrorInvalidValue);
  }
  {
    const Lock lock(state().mutex);
    ++state().replays;
  }
  return remember(submit(stream, {"graph", [exec] {
                                    if (!alive(exec, "executable graph")) {
                                      violation("a graph ran after it was destroyed");
                                      return;
                                    }
                                    for (const Operation& operation : exec->operations) perform(operation);
                                  }}));
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  if (!died(exec, "executable graph")) return remember(cudaErrorInvalidResourceHandle);
  delete exec;
  return remember(health());
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (!died(graph, "graph")) return remember(cudaErrorInvalidResourceHandle);
  delete graph;
  return remember(health());
}
