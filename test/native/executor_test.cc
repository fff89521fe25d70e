// Drives the executor and networks from several threads, as JavaScript's threads do: training side by side
// over one data set, progress and aborts meanwhile, withdrawals, and teardown under load. Meant for
// ThreadSanitizer.
#include "addon/executor.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <new>
#include <numeric>
#include <string>

#include "backend/error.h"
#include "engine/network.h"

namespace {

/** Allocations of this thread until one fails; below 0 none does. */
thread_local int allocationsLeft = -1;

}  // namespace

// Not inlined: compilers take a free in sight of a new for a mistake.
[[gnu::noinline]] void* operator new(size_t size) {
  if (allocationsLeft >= 0 && allocationsLeft-- == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace convsweep::test {
namespace {

std::atomic<int> failures = 0;

void check(bool condition, const std::string& what) {
  if (condition) return;
  std::printf("FAILED: %s\n", what.c_str());
  ++failures;
}

constexpr size_t kImages = 24, kPixels = 12 * 12;

/** A small network of the notebook's kind, so that it runs the stem. */
std::vector<Layer> layersOf() {
  std::vector<Layer> layers;
  std::vector<int> shape{12, 12, 1};
  const auto add = [&](const char* type, std::vector<int> out, int window = 1, int stride = 1) -> Layer& {
    Layer layer;
    layer.type = type;
    layer.inputShape = shape;
    layer.outputShape = shape = std::move(out);
    layer.window = {window, window};
    layer.strides = {stride, stride};
    layer.momentum = 0.99;
    layer.epsilon = 1e-3f;
    return layers.emplace_back(layer);
  };
  add("Conv2D", {10, 10, 3}, 3).activation = "relu";
  add("MaxPooling2D", {5, 5, 3}, 2, 2);
  add("BatchNormalization", {5, 5, 3});
  add("Conv2D", {3, 3, 5}, 3).activation = "relu";
  add("MaxPooling2D", {1, 1, 5}, 2, 2);
  add("BatchNormalization", {1, 1, 5});
  add("Flatten", {5});
  add("Dropout", {5}).rate = 0.1f;
  add("Dense", {4}).activation = "softmax";
  return layers;
}

struct Trial {
  explicit Trial(const std::vector<Layer>& layers) : network(0, layers, Adam{}, {1, Precision::Fp32}) {
    std::vector<float> parameters(network.plan().parameterCount), variances(network.plan().statisticCount, 1);
    for (size_t i = 0; i < parameters.size(); ++i)
      parameters[i] = static_cast<float>(std::sin(static_cast<double>(i)));
    network.writeState({parameters, variances, {}, {}});
  }
  Network network;
  std::shared_ptr<Control> control = std::make_shared<Control>();
  double loss = 0;
  bool aborted = false;
};

class Harness {
 public:
  Harness() : layers_(layersOf()), rows_(kImages), sizes_(kImages / 8, 8) {
    std::vector<uint8_t> images(kImages * kPixels), labels(kImages);
    for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<uint8_t>(i * 37 % 251);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<uint8_t>(i % 4);
    dataset_ = backend::createDataset(0, images.data(), labels.data(), kImages, kPixels);
    std::iota(rows_.begin(), rows_.end(), 0u);
  }

  std::unique_ptr<Trial> trial() const { return std::make_unique<Trial>(layers_); }

  /** Trains `epochs`; the future is there when the task is over. */
  std::future<void> submit(Executor& executor, Trial& trial, int epochs) const {
    const auto ended = std::make_shared<std::promise<void>>();
    executor.submit(trial.control, [this, &trial, epochs, ended] {
      try {
        for (int epoch = 0; epoch < epochs; ++epoch)
          trial.loss = trial.network.trainEpoch(*dataset_, rows_, sizes_, *trial.control).loss;
      } catch (const Error& error) {
        trial.aborted = error.code() == "ABORTED";
      }
      ended->set_value();
    });
    return ended->get_future();
  }

 private:
  const std::vector<Layer> layers_;
  std::unique_ptr<DeviceDataset> dataset_;
  std::vector<uint32_t> rows_, sizes_;
};

constexpr int kForever = 1 << 30;

/** Calls `body` on several threads at once. */
template <typename Body>
void together(int threads, Body body) {
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back(body, i);
  for (std::thread& thread : all) thread.join();
}

void checkTraining(const Harness& harness) {
  Executor executor(3);
  std::vector<double> losses(4);
  together(4, [&](int i) {
    for (int round = 0; round < 3; ++round) {
      const auto trial = harness.trial();
      const std::future<void> ended = harness.submit(executor, *trial, 4);
      while (ended.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
        check(std::isfinite(trial->control->loss.load()), "progress is a number");
      losses[static_cast<size_t>(i)] = trial->loss;
    }
  });
  for (const double loss : losses)
    check(loss == losses[0] && std::isfinite(loss), "equal trials, equal losses");
}

void checkAborts(const Harness& harness) {
  Executor executor(2);
  together(4, [&](int) {
    const auto trial = harness.trial();
    const std::future<void> ended = harness.submit(executor, *trial, kForever);
    while (trial->control->images.load() == 0) std::this_thread::yield();
    trial->control->abort = true;
    ended.wait();
    check(trial->aborted, "an abort ends a call");
  });
}

size_t withdraw(Executor& executor, const Control& control) {
  return executor.withdraw([&](const Control& waiting) { return &waiting == &control; });
}

void checkWithdrawals(const Harness& harness) {
  Executor executor(1);
  const auto running = harness.trial();
  const std::future<void> ended = harness.submit(executor, *running, kForever);
  while (running->control->images.load() == 0) std::this_thread::yield();
  together(3, [&](int) {
    const auto control = std::make_shared<Control>();
    bool ran = false;
    for (int round = 0; round < 500; ++round) {
      executor.submit(control, [&] { ran = true; });
      check(withdraw(executor, *control) == 1, "what waits can be withdrawn");
      check(withdraw(executor, *control) == 0, "only once");
    }
    check(!ran, "what was withdrawn does not run");
  });
  check(withdraw(executor, *running->control) == 0, "what runs cannot be withdrawn");
  running->control->abort = true;
  ended.wait();
}

/** Whatever allocation of `submit` fails: it says so, and the task is not run after all. */
void checkLackOfMemory() {
  for (int failing = 0;; ++failing) {
    Executor executor(1);
    const auto control = std::make_shared<Control>();
    std::promise<void> ended;
    std::atomic<bool> ran = false;
    const Executor::Task task = [&] {
      ran = true;
      ended.set_value();
    };
    std::string thrown;
    Executor::Task given = task;
    allocationsLeft = failing;
    try {
      executor.submit(control, std::move(given));
    } catch (const std::bad_alloc&) {
      thrown = "std::bad_alloc";
    } catch (const std::exception& error) {
      thrown = error.what();
    }
    allocationsLeft = -1;
    if (thrown.empty()) {
      ended.get_future().wait();
      check(failing > 0, "submitting allocates");
      return;
    }
    check(thrown == "std::bad_alloc", "lack of memory is called that, not " + thrown);
    check(withdraw(executor, *control) == 0, "a task that was refused does not wait");
    executor.submit(control, [&] { ended.set_value(); });
    ended.get_future().wait();
    check(!ran, "a task that was refused does not run");
  }
}

/** The executor goes while one task runs and another waits. */
void checkTeardown(const Harness& harness) {
  const auto running = harness.trial(), waiting = harness.trial();
  std::future<void> ran;
  {
    Executor executor(1);
    ran = harness.submit(executor, *running, kForever);
    while (running->control->images.load() == 0) std::this_thread::yield();
    harness.submit(executor, *waiting, kForever);
  }
  check(ran.wait_for(std::chrono::seconds(0)) == std::future_status::ready && running->aborted,
        "teardown aborts what runs, and waits for it");
  check(waiting->control->images == 0, "teardown drops what waits");
}

/** Environments come and go; the last one takes the threads with it, the next one starts others. */
void checkSharing(const Harness& harness) {
  for (int round = 0; round < 5; ++round) {
    together(4, [&](int) {
      const std::shared_ptr<Executor> executor = Executor::shared();
      const auto trial = harness.trial();
      harness.submit(*executor, *trial, 1).wait();
      check(std::isfinite(trial->loss), "the shared executor runs tasks");
    });
  }
}

}  // namespace
}  // namespace convsweep::test

int main() {
  using namespace convsweep::test;
  const Harness harness;
  checkTraining(harness);
  checkAborts(harness);
  checkWithdrawals(harness);
  checkLackOfMemory();
  checkTeardown(harness);
  checkSharing(harness);
  std::printf(failures ? "%d failures\n" : "all passed\n", failures.load());
  return failures ? 1 : 0;
}
