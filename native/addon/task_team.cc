#include "addon/task_team.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace convsweep {
namespace {

using Clock = std::chrono::steady_clock;

/** How long a helper looks for work before it sleeps: longer than what a step does between two rounds, and
 * far shorter than what waking a thread could save in all. */
constexpr auto kPatience = std::chrono::microseconds(200);
/** Looks at the memory that is waited for between two looks at the clock. */
constexpr int kLooks = 64;

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

TaskTeam::TaskTeam(size_t workers, std::function<void(size_t)> call)
    : workers_(workers), call_(std::move(call)), taken_(workers) {}

void TaskTeam::run(size_t tasks, const std::function<void(size_t task, size_t worker)>& work) {
  if (workers_ == 1 || tasks <= 1) {
    for (size_t task = 0; task < tasks; ++task) work(task, 0);
    return;
  }
  tasks_ = tasks;
  work_ = &work;
  ended_.store(0, std::memory_order_relaxed);
  // Whoever takes a task of this round sees what was written above.
  turn_.store({turn_.load(std::memory_order_relaxed).round + 1, static_cast<uint32_t>(tasks)});
  const size_t wanted = std::min(workers_, tasks) - 1, helpers = helpers_.load();
  if (helpers < wanted) call_(wanted - helpers);
  while (workOnce(0)) {
  }
  for (int looks = 0; ended_.load(std::memory_order_acquire) != tasks; ++looks) {
    pause();
    // A helper may have lost its core to somebody else.
    if (looks >= kLooks) std::this_thread::yield();
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

bool TaskTeam::inNeed() const {
  return turn_.load().left > 0 && helpers_.load() + 1 < workers_;
}

void TaskTeam::help(const std::atomic<bool>& leave) {
  size_t worker = 1;
  {
    const std::lock_guard lock(mutex_);
    while (worker < workers_ && taken_[worker]) ++worker;
    if (worker == workers_) return;
    taken_[worker] = true;
    ++helpers_;
  }
  for (auto since = Clock::now(); !leave.load(std::memory_order_relaxed);) {
    if (workOnce(worker)) {
      since = Clock::now();
      continue;
    }
    for (int looks = 0; looks < kLooks && turn_.load(std::memory_order_relaxed).left == 0; ++looks) pause();
    if (Clock::now() - since > kPatience) break;
  }
  const std::lock_guard lock(mutex_);
  taken_[worker] = false;
  --helpers_;
}

/** Does the round's next task, if there is one. */
bool TaskTeam::workOnce(size_t worker) {
  Turn turn = turn_.load();
  do {
    if (turn.left == 0) return false;
  } while (!turn_.compare_exchange_weak(turn, {turn.round, turn.left - 1}));
  try {
    (*work_)(tasks_ - turn.left, worker);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
  ended_.fetch_add(1, std::memory_order_release);
  return true;
}

}  // namespace convsweep
