// Drives the executor and networks from several threads, as JavaScript's threads do: training side by side
// over one data set, progress and aborts meanwhile, withdrawals, and teardown under load; networks that
// several threads work on. Meant for ThreadSanitizer.
#include "addon/executor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <new>
#include <numeric>
#include <stdexcept>
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

constexpr size_t kImages = 240, kBatch = 80, kPixels = 12 * 12;

class Builder {
 public:
  Layer& add(const char* type, std::vector<int> out, int window = 1, int stride = 1) {
    Layer layer;
    layer.type = type;
    layer.inputShape = shape_;
    layer.outputShape = shape_ = std::move(out);
    layer.window = {window, window};
    layer.strides = {stride, stride};
    layer.momentum = 0.99;
    layer.epsilon = 1e-3f;
    return layers.emplace_back(layer);
  }
  std::vector<Layer> layers;

 private:
  std::vector<int> shape_{12, 12, 1};
};

/** A small network of the notebook's kind, so that it runs the stem. */
std::vector<Layer> notebookLayers() {
  Builder network;
  network.add("Conv2D", {10, 10, 3}, 3).activation = "relu";
  network.add("MaxPooling2D", {5, 5, 3}, 2, 2);
  network.add("BatchNormalization", {5, 5, 3});
  network.add("Conv2D", {3, 3, 5}, 3).activation = "relu";
  network.add("MaxPooling2D", {1, 1, 5}, 2, 2);
  network.add("BatchNormalization", {1, 1, 5});
  network.add("Flatten", {5});
  network.add("Dropout", {5}).rate = 0.1f;
  network.add("Dense", {20}).activation = "relu";
  network.add("BatchNormalization", {20});
  network.add("Dense", {4}).activation = "softmax";
  return network.layers;
}

/** One with every kind of block on its own, beginning with no convolution that the stem knows. */
std::vector<Layer> otherLayers() {
  Builder network;
  network.add("Rescaling", {12, 12, 1}).scale = 1.0f / 255;
  network.add("Conv2D", {8, 8, 6}, 5).activation = "relu";
  network.add("BatchNormalization", {8, 8, 6});
  network.add("MaxPooling2D", {4, 4, 6}, 2, 2);
  network.add("Activation", {4, 4, 6}).activation = "relu";
  network.add("Conv2D", {2, 2, 7}, 3);
  network.add("BatchNormalization", {2, 2, 7});
  network.add("Activation", {2, 2, 7}).activation = "relu";
  network.add("Flatten", {28});
  network.add("Dropout", {28}).rate = 0.3f;
  network.add("Rescaling", {28}).scale = 1.5f;
  network.add("Dense", {33}).activation = "relu";
  network.add("BatchNormalization", {33});
  network.add("Dense", {4}).activation = "softmax";
  return network.layers;
}

/** One whose products are shared by columns, where even five threads have enough of them. */
std::vector<Layer> wideLayers() {
  Builder network;
  network.add("Rescaling", {12, 12, 1}).scale = 1.0f / 255;
  network.add("Flatten", {144});
  network.add("Dense", {500}).activation = "relu";
  network.add("Dense", {4}).activation = "softmax";
  return network.layers;
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
  Harness() : rows_(kImages), sizes_(kImages / kBatch, kBatch) {
    std::vector<uint8_t> images(kImages * kPixels), labels(kImages);
    for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<uint8_t>(i * 37 % 251);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<uint8_t>(i % 4);
    dataset_ = backend::createDataset(0, images.data(), labels.data(), kImages, kPixels);
    std::iota(rows_.begin(), rows_.end(), 0u);
  }

  std::unique_ptr<Trial> trial(const std::vector<Layer>& layers = notebookLayers()) const {
    return std::make_unique<Trial>(layers);
  }
  const DeviceDataset& dataset() const { return *dataset_; }
  std::span<const uint32_t> rows() const { return rows_; }

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

/** Everything that a network has after two epochs with so many threads, its validation and predictions too.
 */
std::vector<float> outcome(const Harness& harness, const std::vector<Layer>& layers, size_t threads) {
  Executor executor(threads);
  const auto trial = harness.trial(layers);
  harness.submit(executor, *trial, 2).wait();
  Network& network = trial->network;
  const Plan& plan = network.plan();
  std::vector<float> parameters(plan.parameterCount), statistics(plan.statisticCount),
      all(kImages * plan.outputSize + 2);
  std::promise<void> ended;
  executor.submit(trial->control, [&] {
    // Batches that are no multiples of a shard.
    const Metrics metrics = network.evaluate(harness.dataset(), harness.rows(), 70, *trial->control);
    all[0] = static_cast<float>(metrics.loss);
    all[1] = static_cast<float>(metrics.accuracy);
    network.predict(harness.dataset(), harness.rows(), 50, false, all.data() + 2, *trial->control);
    ended.set_value();
  });
  ended.get_future().wait();
  network.readState({parameters, statistics, {}, {}});
  all.insert(all.end(), parameters.begin(), parameters.end());
  all.insert(all.end(), statistics.begin(), statistics.end());
  return all;
}

void checkEqualBits(const Harness& harness) {
  for (const auto& layers : {notebookLayers(), otherLayers(), wideLayers()}) {
    const std::vector<float> alone = outcome(harness, layers, 1);
    check(std::all_of(alone.begin(), alone.end(), [](float x) { return std::isfinite(x); }), "all is finite");
    for (const size_t threads : {2, 3, 5}) {
      const std::vector<float> shared = outcome(harness, layers, threads);
      check(shared.size() == alone.size() &&
                std::memcmp(shared.data(), alone.data(), alone.size() * sizeof(float)) == 0,
            "the same bits with " + std::to_string(threads) + " threads as with one");
    }
  }
}

/** Runs `work` as a task with `threads` threads at most. */
template <typename Work>
void runTask(Executor& executor, size_t threads, const Work& work) {
  const auto control = std::make_shared<Control>();
  control->threads = threads;
  std::promise<void> ended;
  executor.submit(control, [&] {
    work(*control->team);
    ended.set_value();
  });
  ended.get_future().wait();
}

/** All tasks are done, once each, by workers that do one at a time; idle threads do come. */
void checkTeams() {
  Executor executor(4);
  for (const size_t threads : {9, 1, 3}) {
    std::atomic<bool> helped = false;
    runTask(executor, threads, [&](ThreadTeam& team) {
      check(team.workers() == std::min<size_t>(threads, 4),
            "as many workers as were asked for and are there");
      std::vector<std::atomic<int>> busy(team.workers());
      for (int round = 0; round < 2000; ++round) {
        std::vector<int> done(static_cast<size_t>(round % 9));
        team.run(done.size(), [&](size_t task, size_t worker) {
          check(worker < team.workers() && busy[worker]++ == 0, "a worker does one task at a time");
          if (worker > 0) helped = true;
          ++done[task];
          --busy[worker];
        });
        check(std::all_of(done.begin(), done.end(), [](int times) { return times == 1; }), "each task once");
      }
      // However late they come, as long as there is work.
      while (threads != 1 && !helped)
        team.run(8, [&](size_t, size_t worker) { helped = helped || worker > 0; });
    });
    check(helped == (threads != 1), "idle threads help, unless they may not");
  }
}

/** What is thrown on a helper's thread arrives; the team works on afterwards. */
void checkFailures() {
  Executor executor(3);
  runTask(executor, 3, [&](ThreadTeam& team) {
    for (int round = 0; round < 200; ++round) {
      bool thrown = false;
      std::atomic<int> calls = 0;
      try {
        team.run(6, [&](size_t task, size_t) {
          ++calls;
          if (task % 2 == 1) throw std::runtime_error("task");
        });
      } catch (const std::runtime_error&) {
        thrown = true;
      }
      check(thrown && calls == 6, "an exception waits for all tasks");
    }
  });
}

/** Helpers leave a team for a task of their own: more trials than threads come and go. */
void checkHelpersLeave(const Harness& harness) {
  Executor executor(3);
  const auto forever = harness.trial();
  const std::future<void> ended = harness.submit(executor, *forever, kForever);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::unique_ptr<Trial>> trials;
    std::vector<std::future<void>> running;
    for (int i = 0; i < 4; ++i) {
      trials.push_back(harness.trial());
      running.push_back(harness.submit(executor, *trials.back(), 1));
    }
    for (const auto& future : running) future.wait();
    for (const auto& trial : trials) check(trial->loss == trials[0]->loss, "equal trials, equal losses");
  }
  forever->control->abort = true;
  ended.wait();
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
  checkTeams();
  checkFailures();
  checkHelpersLeave(harness);
  checkEqualBits(harness);
  std::printf(failures ? "%d failures\n" : "all passed\n", failures.load());
  return failures ? 1 : 0;
}
