// convsweep_probe: asks a GPU call by call, through the backend's own code and without Node. Prints JSON
// objects, one a line. bench/gpu/facts starts it, each check in a process of its own.
//
//   convsweep_probe libraries
//   convsweep_probe description
//   convsweep_probe calls                              names them, one a line
//   convsweep_probe call NAME OFFSET BATCHES [SKIP]    in both precisions for each of BATCHES (1,16,128),
//   memory OFFSET
//                                                      bytes off, without the first SKIP of these
//                                                      combinations
//   convsweep_probe disturbances                       names them, one a line
//   convsweep_probe captures NAME                      beside a thread that does this
//
// Exit codes: 0, 1 where there is no device, 2 for wrong usage, 3 when the device is lost.
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "bench/gpu/probe/calls.h"
#include "bench/gpu/probe/captures.h"
#include "bench/gpu/probe/device_facts.h"
#include "bench/gpu/probe/regression.h"

namespace {

using namespace convsweep;
using namespace convsweep::probe;

constexpr int kNoDevice = 1, kUsage = 2, kLost = 3;

std::vector<size_t> numbersOf(const std::string& list) {
  std::vector<size_t> numbers;
  std::istringstream stream(list);
  for (std::string number; std::getline(stream, number, ',');) numbers.push_back(std::stoul(number));
  return numbers;
}

/** Where networks of one layer cannot be placed as asked, nothing is checked. */
bool checkOne(const std::shared_ptr<cuda::Device>& device, const std::string& name, size_t offset, size_t n,
              bool tf32) {
  if (name == kRegression) return offset > 0 || checkRegression(n, tf32);
  for (const Call& call : calls()) {
    if (call.name == name) return checkCall(device, call, n, tf32, offset);
  }
  throw std::invalid_argument("there is no call " + name);
}

int checkAll(const std::vector<std::string>& arguments) {
  const std::string& name = arguments[1];
  const size_t offset = std::stoul(arguments[2]);
  size_t skip = arguments.size() > 4 ? std::stoul(arguments[4]) : 0;
  const auto device = cuda::Device::open(0);
  for (const size_t n : numbersOf(arguments[3])) {
    for (const bool tf32 : {false, true}) {
      if (skip > 0) {
        --skip;
        continue;
      }
      if (!checkOne(device, name, offset, n, tf32)) return kLost;
    }
  }
  return 0;
}

int run(const std::vector<std::string>& arguments) {
  const std::string what = arguments.empty() ? "" : arguments[0];
  if (what == "calls") {
    for (const Call& call : calls()) std::printf("%s\n", call.name.c_str());
    std::printf("%s\n", kRegression);
  } else if (what == "disturbances") {
    for (const std::string& name : disturbances()) std::printf("%s\n", name.c_str());
  } else if (what == "call" && (arguments.size() == 4 || arguments.size() == 5)) {
    return checkAll(arguments);
  } else if (what == "captures" && arguments.size() == 2) {
    checkCaptures(cuda::Device::open(0), arguments[1]);
  } else if (what == "libraries") {
    printLibraries(cuda::Device::open(0));
  } else if (what == "description") {
    printDescription(cuda::Device::open(0));
  } else {
    std::fprintf(stderr, "usage: see bench/gpu/probe/main.cc\n");
    return kUsage;
  }
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run(std::vector<std::string>(values + 1, values + count));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return kNoDevice;
  }
}
