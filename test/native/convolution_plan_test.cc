// Asks the installed cuDNN for plans, through the backend's own choice, for GPUs that need not be here: each
// pass of the notebook's convolutions and of random ones has a plan that repeats itself, within the limit;
// and what one handle has chosen gives another one the same plan.

#include "cuda/convolution_plan.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "backend/error.h"
#include "cuda/capability.h"
#include "cuda/libraries.h"

namespace {

using namespace convsweep;
using namespace convsweep::cuda;

static_assert(oldestCapability(12040, 91002) == 60 && oldestCapability(12080, 90800) == 60);
static_assert(oldestCapability(12040, 91100) == 75 && oldestCapability(13000, 91000) == 75);

/** What cuDNN's heuristics know of a GPU. From NVIDIA's data sheets and the table of compute capabilities. */
struct Card {
  const char* name;
  int capability, processors;
  /** KiB that a block may have, threads and blocks that a processor may have. */
  int sharedMemory, threads, blocks;
  int cacheMiB, memoryGiB;
};

constexpr Card kCards[] = {
    {"Tesla T4", 750, 40, 64, 1024, 16, 4, 16},        {"NVIDIA A100", 800, 108, 163, 2048, 32, 40, 40},
    {"NVIDIA RTX 3060", 860, 28, 99, 1536, 16, 3, 12}, {"NVIDIA RTX 4090", 890, 128, 99, 1536, 24, 72, 24},
    {"NVIDIA H200", 900, 132, 227, 2048, 32, 60, 140}, {"NVIDIA B200", 1000, 148, 227, 2048, 32, 126, 180},
};

std::string descriptionOf(const Card& card) {
  const auto number = [](auto value) { return std::to_string(value); };
  return R"({"cudaDeviceId":0,"deviceVer":)" + number(card.capability) +
         R"(,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],)"
         R"("regsPerBlock":65536,"multiProcessorCount":)" +
         number(card.processors) +
         R"(,"smCountOrigin":1,"warpSize":32,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":)" +
         number(card.sharedMemory * 1024) +
         R"(,"reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":)" +
         number(card.blocks) + R"(,"maxThreadsPerBlock":1024,"maxThreadsPerSM":)" + number(card.threads) +
         R"(,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":1500000,)"
         R"("memClockRateKHz":3000000,"l2CacheSize":)" +
         number(int64_t{card.cacheMiB} << 20) + R"(,"totalGlobalMem":)" +
         number(int64_t{card.memoryGiB} << 30) + R"(,"deviceName":")" + card.name + R"("})";
}

ConvSpec convolution(Extent in, int filters, Window window, bool same) {
  const auto out = [same](int size, int window, int stride) {
    return same ? (size + stride - 1) / stride : (size - window) / stride + 1;
  };
  const Extent to{out(in.height, window.height, window.strideY), out(in.width, window.width, window.strideX),
                  filters};
  // TensorFlow's: the smaller half first.
  const auto before = [](int in, int out, int window, int stride) {
    return std::max((out - 1) * stride + window - in, 0) / 2;
  };
  window.padTop = before(in.height, to.height, window.height, window.strideY);
  window.padLeft = before(in.width, to.width, window.width, window.strideX);
  return {in, to, window, true, true, {}, {}};
}

struct Case {
  std::string name;
  ConvolutionShape shape;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const ConvSpec first = convolution({28, 28, 1}, 28, {3, 3, 1, 1, 0, 0}, false);
  const ConvSpec second = convolution({13, 13, 28}, 28, {3, 3, 1, 1, 0, 0}, false);
  for (const size_t n : {128, 104, 96, 64, 48, 16, 8, 1}) {
    all.push_back({"the notebook's first, " + std::to_string(n) + " images", shapeOf(first, n)});
    all.push_back({"the notebook's second, " + std::to_string(n) + " images", shapeOf(second, n)});
  }
  // As in test/parity/shapes-cases.ts: sizes around the widths of vectors and tiles.
  std::mt19937 random(1);
  const auto below = [&random](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  constexpr int kWidths[] = {1, 2, 3, 5, 7, 13, 15, 16, 17, 19, 31, 33};
  for (int i = 0; i < 24; ++i) {
    const Extent in{5 + below(8), 5 + below(8), i % 3 == 0 ? 1 + below(3) : kWidths[below(12)]};
    const Window window{1 + below(3), 1 + below(3), 1 + below(2), 1 + below(2), 0, 0};
    const int images[] = {1, 3, 5, 6, 12, 13, 130};
    all.push_back(
        {"random " + std::to_string(i), shapeOf(convolution(in, kWidths[below(12)], window, below(2) == 0),
                                                static_cast<size_t>(images[below(7)]))});
  }
  return all;
}

constexpr std::pair<Pass, const char*> kPasses[] = {{Pass::Output, "output"},
                                                    {Pass::InputGradient, "input gradient"},
                                                    {Pass::KernelGradient, "kernel gradient"}};

/** Of the processor: other programs' time is not in it. */
double milliseconds() {
  return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/** What cuDNN tells of a plan: engine and settings among it. */
std::string textOf(const GraphDescriptor& plan) {
  const auto text = plan.list<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, size_t{1} << 16);
  return {text.begin(), text.end()};
}

int failures = 0;

void expect(bool right, const std::string& what) {
  if (right) return;
  std::printf("FAILED %s\n", what.c_str());
  ++failures;
}

/** Each configuration that the heuristics name is the same plan when it is made of the choice's numbers. */
int checkChoices(const PlanTarget& target, const ConvolutionOperation& operation, const std::string& what) {
  const GraphDescriptor graph = target.graphOf(operation.describe());
  GraphDescriptor heuristics = target.heuristics(graph, CUDNN_HEUR_MODE_A);
  heuristics.finalize();
  int same = 0;
  for (const GraphDescriptor& configuration :
       heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
    GraphDescriptor plan = target.plan(configuration);
    const EngineChoice choice = choiceOf(configuration);
    std::string refusal;
    const auto again = target.tryPlan(graph, choice, refusal);
    const bool planned = plan.tryFinalize() == CUDNN_STATUS_SUCCESS;
    const std::string engine = what + ", engine " + std::to_string(choice.engine);
    expect(planned == again.has_value(), engine + ": refused both times or neither, " + refusal);
    if (!planned || !again) continue;
    expect(textOf(plan) == textOf(*again), engine + ": the same plan");
    ++same;
  }
  return same;
}

}  // namespace

int main() {
  try {
    if (libraries().cudnnGetVersion() < 90800) {
      std::printf("skipped: cuDNN %s cannot be asked about a described device, 9.8 can\n",
                  libraries().cudnnVersion.c_str());
      return 0;
    }
    const std::vector<Case> all = cases();
    for (const Card& card : kCards) {
      const PlanTarget target(descriptionOf(card)), other(descriptionOf(card));
      ConvolutionChoices choices;
      for (const bool tf32 : {false, true}) {
        int plans = 0, tensorCores = 0;
        size_t workspace = 0;
        double choosing = 0, adopting = 0;
        for (const Case& it : all) {
          for (const auto& [pass, passName] : kPasses) {
            const std::string what =
                std::string(card.name) + (tf32 ? ", tf32, " : ", fp32, ") + it.name + ", " + passName;
            const ConvolutionOperation operation{it.shape, pass, tf32};
            try {
              const double start = milliseconds();
              const ConvolutionPlan plan(target, choices, operation);
              const double chosen = milliseconds();
              const ConvolutionPlan same(other, choices, operation);
              adopting += milliseconds() - chosen;
              choosing += chosen - start;
              expect(plan.workspace() <= ConvolutionChoices::kMostWorkspace, what + ": the workspace");
              expect(tf32 || !plan.usesTensorCores(), what + ": tensor cores");
              expect(same.engine() == plan.engine() && same.workspace() == plan.workspace(),
                     what + ": the other handle's plan");
              ++plans;
              tensorCores += plan.usesTensorCores();
              workspace = std::max(workspace, plan.workspace());
              if (std::getenv("CONVSWEEP_SHOW_PLANS")) {
                std::printf("%s: engine %lld%s, %zu bytes\n", what.c_str(),
                            static_cast<long long>(plan.engine()),
                            plan.usesTensorCores() ? " with tensor cores" : "", plan.workspace());
              }
            } catch (const Error& error) {
              expect(false, what + ": " + error.what());
            }
          }
        }
        // TF32 came with 8.0.
        if (tf32) expect((tensorCores > 0) == (card.capability >= 800), "tensor cores where they know TF32");
        std::printf(
            "%-16s %s: %d plans, %d with tensor cores, at most %.1f MiB of workspace, %.1f ms each, %.1f ms "
            "when chosen\n",
            card.name, tf32 ? "tf32" : "fp32", plans, tensorCores, static_cast<double>(workspace) / (1 << 20),
            choosing / plans, adopting / plans);
      }
      // The notebook's second, of 128 images.
      int same = 0;
      for (const auto& [pass, name] : kPasses) {
        same += checkChoices(target, {all[1].shape, pass, true}, std::string(card.name) + ", " + name);
      }
      std::printf("%-16s %d configurations are the same from their numbers\n", card.name, same);
      expect(same > 0, std::string(card.name) + ": configurations from their numbers");
    }
  } catch (const std::exception& error) {
    expect(false, error.what());
  }
  return failures == 0 ? 0 : 1;
}
