#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "standin/cuda_runtime.h"

/** The simulated devices beneath the entry points: memory, queues of work, rules, faults. */
namespace standin {

/** One piece of work on a device. */
struct Operation {
  std::string name;
  std::function<void()> run;
};

struct Graph {
  int device;
  std::vector<Operation> operations;
};

struct GraphExec {
  int device;
  std::vector<Operation> operations;
};

/**
 * A queue that runs when somebody waits for it, so that whoever reads results without waiting reads poison.
 * Real queues hold about a thousand launches and then block: beyond that the oldest runs.
 */
struct Stream {
  static constexpr size_t kDepth = 1024;

  int device;
  std::deque<Operation> pending;
  std::atomic<uint64_t> submitted{0}, done{0};
  /** Held while an operation runs: operations of one stream never overlap. */
  std::recursive_mutex running;

  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id capturer;
  std::vector<Operation> captured;
};

/** A place in a stream's queue. */
struct Event {
  Stream* stream = nullptr;
  uint64_t place = 0;
  bool timed = false;
  /** When a timed one was last passed. */
  std::chrono::steady_clock::time_point passed{};
};

/**
 * What is simulated and what shall fail. From CONVSWEEP_STANDIN, words of the form key=value between commas:
 * `devices`, `memory` (MiB per device), `capability` (75 for 7.5), `driver` (none, old or ok), `oom` (the
 * count of the allocation that fails, from 1), `sticky` (the count of the operation after which the device is
 * lost, from 1), `guard` (on: touching device memory from the host ends the process, at a price in time),
 * `alignment` (16: allocations lie on no larger power of two), `capture` (the count of the capture that
 * something outside breaks, from 1; all: every one), `linger` (milliseconds that a capture stays open at its
 * end, for other threads to break it), `hang` (the count of the operation that never ends, from 1), and how
 * the libraries' arithmetic goes: `tf32` (truncate: as Hopper does; otherwise to the nearest), `sums`
 * (float32; otherwise double).
 */
struct Faults {
  int devices = 2;
  size_t memory = size_t{8} << 30;
  /** Compute capability, 9.0 as 90. */
  int capability = 90;
  enum class Driver { None, Old, Ok } driver = Driver::Ok;
  uint64_t outOfMemoryAt = 0;
  uint64_t stickyAt = 0;
  bool guard = false;
  size_t alignment = 256;
  uint64_t captureBrokenAt = 0;
  bool breaksEveryCapture = false;
  int linger = 0;
  uint64_t hangAt = 0;
  bool truncatesTf32 = false;
  bool sumsInFloat32 = false;
};

/** What is alive and what was done, for tests. */
struct Report {
  std::vector<std::string> violations;
  /** Live objects by kind, and bytes. */
  std::map<std::string, size_t> alive;
  /** `captures` that ended well, and `broken` ones; `waits` for a whole stream; `heuristics` that were asked
   * for engines. */
  uint64_t allocations = 0, operations = 0, captures = 0, broken = 0, replays = 0, waits = 0, heuristics = 0;
  /** The most work that a stream had before it. */
  size_t deepest = 0;
  /** CUDA_DEVICE_MAX_CONNECTIONS at the first call, and whether threads sleep while they wait. */
  std::string connections;
  bool sleeps = false;
  /** Kinds of work that ran. */
  std::set<std::string> kinds;
};

Report report();
/** Replaces the faults by those that `words` name; counts start anew, and a lost device is back. */
void configure(const std::string& words);
const Faults& faults();

/** Records that a rule was broken. The device is lost with it, so that no test can pass over it. */
void violation(const std::string& message);

/** Counts live objects of a kind, so that a leak shows in the report. */
void born(const void* object, const char* kind);
/** False, and a violation, for what is not alive as `kind`. */
bool died(const void* object, const char* kind);
bool alive(const void* object, const char* kind);

int currentDevice();
/** What every entry point reports after a device was lost, or without a driver. */
cudaError_t health();
/** Whether `bytes` from `pointer` lie in one live allocation of `device`; a violation where not. `use` says
 * for what. */
bool inDeviceMemory(const void* pointer, size_t bytes, int device, const std::string& use);
/** Puts work into the stream's queue, or into its capture. */
cudaError_t submit(Stream* stream, Operation operation);
/** A call that waits: a violation, and the capture's end, where the calling thread captures. */
cudaError_t unsafeCall(const char* call);
/** One that may wait for the whole device, as allocating does. Such a call also ends the captures of other
 * threads on the current device, whatever their mode. */
cudaError_t deviceWideCall(const char* call);
/** One that does wait for it, as freeing and destroying handles do. */
cudaError_t deviceWideWait(const char* call);
cudaError_t remember(cudaError_t error);

}  // namespace standin
