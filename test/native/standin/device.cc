#include "standin/device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace standin {
namespace {

constexpr size_t kAlignment = 256;
constexpr int kPoison = 0xff;  // NaN as a float, an impossible label, row or count as an integer

/** Pages that end in one that nothing can touch, right behind the last byte. */
struct Allocation {
  char* pages;
  size_t mapped, bytes;
  int device;
};

struct State {
  std::mutex mutex;
  Faults faults;
  std::map<uintptr_t, Allocation> device, pinned;
  std::unordered_map<const void*, std::string> objects;
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::map<int, size_t> used;
  /** Threads that run work of a device; while there are none, its memory is out of reach. */
  std::map<int, int> workers;
  std::vector<std::string> violations;
  std::set<std::string> kinds;
  uint64_t allocations = 0, operations = 0, captures = 0, replays = 0;
  std::atomic<uint64_t> waits{0};
  bool lost = false;

  State() {
    if (const char* words = std::getenv("CONVSWEEP_STANDIN")) parse(words);
  }
  void parse(const std::string& words);
};

/** Never destroyed: threads and static objects of the addon may outlive any order of destruction. */
State& state() {
  static State* const instance = new State;
  return *instance;
}
using Lock = std::lock_guard<std::mutex>;

void State::parse(const std::string& words) {
  Faults fresh;
  std::istringstream stream(words);
  for (std::string word; std::getline(stream, word, ',');) {
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
    if (key == "devices") {
      fresh.devices = std::stoi(value);
    } else if (key == "memory") {
      fresh.memory = std::stoull(value) << 20;
    } else if (key == "driver") {
      fresh.driver = value == "none"  ? Faults::Driver::None
                     : value == "old" ? Faults::Driver::Old
                                      : Faults::Driver::Ok;
    } else if (key == "oom") {
      fresh.outOfMemoryAt = std::stoull(value);
    } else if (key == "sticky") {
      fresh.stickyAt = std::stoull(value);
    } else if (key == "guard") {
      fresh.guard = value == "on";
    } else {
      std::fprintf(stderr, "CONVSWEEP_STANDIN: unknown word %s\n", word.c_str());
      std::abort();
    }
  }
  faults = fresh;
  allocations = operations = captures = replays = waits = 0;
  lost = false;
}

thread_local int threadDevice = 0;
thread_local cudaError_t lastError = cudaSuccess;

void setReach(int device, int protection) {
  if (!state().faults.guard) return;
  for (auto& [address, allocation] : state().device) {
    if (allocation.device == device) mprotect(allocation.pages, allocation.mapped, protection);
  }
}

/** Makes a device's guarded memory touchable for as long as it lives. */
class Reach {
 public:
  explicit Reach(int device) : device_(device) {
    const Lock lock(state().mutex);
    if (state().workers[device_]++ == 0) setReach(device_, PROT_READ | PROT_WRITE);
  }
  ~Reach() {
    const Lock lock(state().mutex);
    if (--state().workers[device_] == 0) setReach(device_, PROT_NONE);
  }
  Reach(const Reach&) = delete;
  Reach& operator=(const Reach&) = delete;

 private:
  int device_;
};

void perform(const Operation& operation) {
  {
    const Lock lock(state().mutex);
    if (state().lost) return;
    state().kinds.insert(operation.name);
    if (++state().operations == state().faults.stickyAt) {
      state().lost = true;
      return;
    }
  }
  operation.run();
}

/** Runs the stream's work up to its `place`th piece. */
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

const Allocation* find(const std::map<uintptr_t, Allocation>& allocations, const void* pointer,
                       size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto next = allocations.upper_bound(address);
  if (next == allocations.begin()) return nullptr;
  const auto& [start, allocation] = *--next;
  return address + bytes <= start + allocation.bytes ? &allocation : nullptr;
}

bool isPinned(const void* pointer, size_t bytes) {
  const Lock lock(state().mutex);
  return find(state().pinned, pointer, bytes) != nullptr;
}

/** Maps `bytes`, poisoned, so that they end where the guard page begins. */
std::pair<uintptr_t, Allocation> map(size_t bytes, int device) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t body = (rounded + page - 1) / page * page;
  void* pages =
      mmap(nullptr, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) std::abort();
  char* const start = static_cast<char*>(pages);
  mprotect(start + body, page, PROT_NONE);
  std::memset(start, kPoison, body);
  return {reinterpret_cast<uintptr_t>(start + body - rounded), {start, body, bytes, device}};
}

void unmap(const Allocation& allocation) {
  munmap(allocation.pages, allocation.mapped + static_cast<size_t>(sysconf(_SC_PAGESIZE)));
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

}  // namespace

Report report() {
  State& s = state();
  const Lock lock(s.mutex);
  Report result;
  result.violations = s.violations;
  for (const auto& [object, kind] : s.objects) ++result.alive[kind];
  for (const auto& [device, bytes] : s.used) result.alive["bytes"] += bytes;
  result.allocations = s.allocations;
  result.operations = s.operations;
  result.captures = s.captures;
  result.replays = s.replays;
  result.waits = s.waits;
  result.kinds = s.kinds;
  return result;
}

void configure(const std::string& words) {
  const Lock lock(state().mutex);
  state().parse(words);
}

const Faults& faults() {
  return state().faults;
}

void violation(const std::string& message) {
  std::fprintf(stderr, "stand-in: %s\n", message.c_str());
  const Lock lock(state().mutex);
  state().violations.push_back(message);
  state().lost = true;
}

void born(const void* object, const char* kind) {
  const Lock lock(state().mutex);
  state().objects[object] = kind;
}

bool alive(const void* object, const char* kind) {
  const Lock lock(state().mutex);
  const auto found = state().objects.find(object);
  return found != state().objects.end() && found->second == kind;
}

bool died(const void* object, const char* kind) {
  if (!alive(object, kind)) {
    violation(std::string("destroyed something that is no live ") + kind);
    return false;
  }
  const Lock lock(state().mutex);
  state().objects.erase(object);
  return true;
}

int currentDevice() {
  return threadDevice;
}

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) lastError = error;
  return error;
}

cudaError_t health() {
  const Lock lock(state().mutex);
  if (state().faults.driver != Faults::Driver::Ok) return cudaErrorInsufficientDriver;
  if (state().faults.devices == 0) return cudaErrorNoDevice;
  return state().lost ? cudaErrorIllegalAddress : cudaSuccess;
}

bool inDeviceMemory(const void* pointer, size_t bytes, int device, const std::string& use) {
  {
    const Lock lock(state().mutex);
    const Allocation* allocation = find(state().device, pointer, bytes);
    if (allocation && allocation->device == device) return true;
  }
  violation(use + ": " + std::to_string(bytes) + " bytes are not within one allocation of device " +
            std::to_string(device));
  return false;
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
      state().kinds.insert(operation.name);
      stream->pending.push_back(std::move(operation));
      ++stream->submitted;
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

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  const auto driver = faults().driver;
  *version = driver == Faults::Driver::None ? 0 : driver == Faults::Driver::Old ? 11040 : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (const cudaError_t error = health()) return remember(error);
  *count = faults().devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (const cudaError_t error = health()) return remember(error);
  if (device < 0 || device >= faults().devices) return remember(cudaErrorInvalidDevice);
  threadDevice = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = threadDevice;
  return remember(health());
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = health()) return remember(error);
  if (device < 0 || device >= faults().devices) return remember(cudaErrorInvalidDevice);
  *properties = {"Simulated GPU", faults().memory, 9, 0, 4, 4 << 20, 48 << 10};
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  if (const cudaError_t error = health()) return remember(error);
  const Lock lock(state().mutex);
  *total = state().faults.memory;
  const size_t used = state().used[threadDevice];
  *free = *total > used ? *total - used : 0;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const Lock lock(state().mutex);
  const cudaError_t error = std::exchange(lastError, cudaSuccess);
  return state().lost ? cudaErrorIllegalAddress : error;
}

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

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (const cudaError_t error = unsafeCall("cudaMalloc")) return remember(error);
  if (const cudaError_t error = health()) return remember(error);
  State& s = state();
  const Lock lock(s.mutex);
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  const uint64_t limit = s.faults.outOfMemoryAt;
  if ((++s.allocations >= limit && limit > 0) || bytes > s.faults.memory ||
      s.used[threadDevice] > s.faults.memory - bytes) {
    return remember(cudaErrorMemoryAllocation);
  }
  const auto [address, allocation] = map(bytes, threadDevice);
  if (s.faults.guard && s.workers[threadDevice] == 0)
    mprotect(allocation.pages, allocation.mapped, PROT_NONE);
  s.device[address] = allocation;
  s.used[threadDevice] += bytes;
  *pointer = reinterpret_cast<void*>(address);
  s.objects[*pointer] = "allocation";
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t error = unsafeCall("cudaFree")) return remember(error);
  if (!pointer) return cudaSuccess;
  if (!died(pointer, "allocation")) return remember(cudaErrorInvalidValue);
  Allocation allocation;
  {
    const Lock lock(state().mutex);
    allocation = state().device.at(reinterpret_cast<uintptr_t>(pointer));
  }
  runAll(allocation.device);
  {
    const Lock lock(state().mutex);
    state().device.erase(reinterpret_cast<uintptr_t>(pointer));
    state().used[allocation.device] -= allocation.bytes;
  }
  unmap(allocation);
  return remember(health());
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  if (const cudaError_t error = unsafeCall("cudaMallocHost")) return remember(error);
  if (const cudaError_t error = health()) return remember(error);
  const auto [address, allocation] = map(bytes, threadDevice);
  *pointer = reinterpret_cast<void*>(address);
  const Lock lock(state().mutex);
  state().pinned[address] = allocation;
  state().objects[*pointer] = "pinned allocation";
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = unsafeCall("cudaFreeHost")) return remember(error);
  if (!pointer) return cudaSuccess;
  if (!died(pointer, "pinned allocation")) return remember(cudaErrorInvalidValue);
  runAll(threadDevice);
  Allocation allocation;
  {
    const Lock lock(state().mutex);
    const auto found = state().pinned.find(reinterpret_cast<uintptr_t>(pointer));
    allocation = found->second;
    state().pinned.erase(found);
  }
  unmap(allocation);
  return remember(health());
}

namespace {

bool copiesWithinReach(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, int device,
                       const char* call) {
  const std::string use = call;
  switch (kind) {
    case cudaMemcpyHostToDevice:
      return inDeviceMemory(to, bytes, device, use + " to the device");
    case cudaMemcpyDeviceToHost:
      return inDeviceMemory(from, bytes, device, use + " from the device");
    case cudaMemcpyDeviceToDevice:
      return inDeviceMemory(to, bytes, device, use + " to the device") &&
             inDeviceMemory(from, bytes, device, use + " from the device");
    default:
      violation(use + " with a direction that convsweep has no use for");
      return false;
  }
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (const cudaError_t error = health()) return remember(error);
  if (const cudaError_t error = checkedStream(stream, "cudaMemcpyAsync")) return remember(error);
  const int device = stream->device;
  if (!copiesWithinReach(to, from, bytes, kind, device, "cudaMemcpyAsync"))
    return remember(cudaErrorInvalidValue);
  const void* const host = kind == cudaMemcpyHostToDevice   ? from
                           : kind == cudaMemcpyDeviceToHost ? to
                                                            : nullptr;
  const bool pageable = host && !isPinned(host, bytes);
  if (pageable && stream->capture == cudaStreamCaptureStatusActive) {
    violation("cudaMemcpyAsync of pageable memory in a capture: every replay would copy it again");
    return remember(cudaErrorStreamCaptureUnsupported);
  }
  if (pageable && kind == cudaMemcpyHostToDevice) {
    // Staged before the call returns.
    const auto* const bytesOf = static_cast<const char*>(from);
    auto staged = std::make_shared<std::vector<char>>(bytesOf, bytesOf + bytes);
    return remember(submit(stream, {"copy", [to, staged, device] {
                                      if (inDeviceMemory(to, staged->size(), device, "a copy that ran"))
                                        std::memcpy(to, staged->data(), staged->size());
                                    }}));
  }
  const cudaError_t error =
      submit(stream, {"copy", [=] {
                        if (!copiesWithinReach(to, from, bytes, kind, device, "a copy that ran")) return;
                        if (host && !pageable && !isPinned(host, bytes)) {
                          violation("a copy ran after its pinned memory was freed");
                          return;
                        }
                        std::memcpy(to, from, bytes);
                      }});
  if (error || !pageable) return remember(error);
  // A copy to pageable memory is done before the call returns.
  ++state().waits;
  runUntil(stream, stream->submitted);
  return remember(health());
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (!inDeviceMemory(to, bytes, threadDevice, "cudaMemsetAsync")) return remember(cudaErrorInvalidValue);
  const int device = threadDevice;
  return remember(submit(stream, {"memset", [=] {
                                    if (inDeviceMemory(to, bytes, device, "a memset that ran"))
                                      std::memset(to, value, bytes);
                                  }}));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (const cudaError_t error = health()) return remember(error);
  if (flags != cudaStreamNonBlocking) violation("a stream that waits for the default stream");
  *stream = new Stream;
  (*stream)->device = threadDevice;
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
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (const cudaError_t error = checkedStream(stream, "cudaStreamEndCapture")) return remember(error);
  cudaStreamCaptureStatus status;
  {
    const Lock lock(state().mutex);
    status = stream->capture;
    stream->capture = cudaStreamCaptureStatusNone;
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

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (const cudaError_t error = health()) return remember(error);
  *event = new Event;
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
