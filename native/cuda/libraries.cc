#include "cuda/libraries.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "backend/error.h"

namespace convsweep::cuda {
namespace {

std::string dotted(size_t major, size_t minor, size_t patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

void readVersions(Libraries& calls) {
  const size_t cudnn = calls.cudnnGetVersion();
  calls.cudnnVersion = dotted(cudnn / 10000, cudnn / 100 % 100, cudnn % 100);
  int version[3] = {};
  const libraryPropertyType parts[] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
  for (int i = 0; i < 3; ++i) calls.cublasGetProperty(parts[i], &version[i]);
  calls.cublasVersion = dotted(static_cast<size_t>(version[0]), static_cast<size_t>(version[1]),
                               static_cast<size_t>(version[2]));
}

#ifdef CONVSWEEP_CUDA_STANDIN

Libraries open() {
  Libraries calls;
#define X(name) calls.name = &::name;
  CONVSWEEP_CUDNN_CALLS(X)
  CONVSWEEP_CUBLAS_CALLS(X)
#undef X
  readVersions(calls);
  return calls;
}

#else

#define CONVSWEEP_TEXT(x) #x
#define CONVSWEEP_NUMBER(x) CONVSWEEP_TEXT(x)
const std::string kCudnn = "libcudnn.so." CONVSWEEP_NUMBER(CUDNN_MAJOR);
const std::string kCublas = "libcublas.so." CONVSWEEP_NUMBER(CUBLAS_VER_MAJOR);
const std::string kCublasLt = "libcublasLt.so." CONVSWEEP_NUMBER(CUBLAS_VER_MAJOR);
const std::string kNvrtc = "libnvrtc.so." CONVSWEEP_NUMBER(CUBLAS_VER_MAJOR);

/** The folder of NVIDIA's Python wheel that has cuBLAS. */
#if CUBLAS_VER_MAJOR >= 13
constexpr const char* kCublasWheel = "cu" CONVSWEEP_NUMBER(CUBLAS_VER_MAJOR);
#else
constexpr const char* kCublasWheel = "cublas";
#endif

/** The package's folder, two above build/Release or wherever this addon lies in it. */
std::filesystem::path packageFolder() {
  Dl_info info{};
  dladdr(reinterpret_cast<const void*>(&libraries), &info);
  return std::filesystem::path(info.dli_fname ? info.dli_fname : "")
      .parent_path()
      .parent_path()
      .parent_path();
}

/** Where `convsweep setup-cuda` puts NVIDIA's wheels. */
std::filesystem::path cacheFolder() {
  std::filesystem::path cache;
  if (const char* given = std::getenv("XDG_CACHE_HOME"); given && *given) {
    cache = given;
  } else if (const char* home = std::getenv("HOME")) {
    cache = std::filesystem::path(home) / ".cache";
  }
  return cache / "convsweep" / ("cuda" CONVSWEEP_NUMBER(CUBLAS_VER_MAJOR));
}

/**
 * Where a library may lie, best first: where the user says, where the build found it if it was on this
 * machine, in the package's or the user's folder of NVIDIA's wheels. The empty one stands for the system's
 * own search.
 */
std::vector<std::filesystem::path> foldersOf(const char* variable, const char* built, const char* wheel) {
  std::vector<std::filesystem::path> folders;
  if (const char* given = std::getenv(variable)) {
    for (const char* below : {"lib", "lib64", "."}) folders.push_back(std::filesystem::path(given) / below);
  }
  if (*built) folders.emplace_back(built);
  for (const auto& wheels : {packageFolder() / ".cuda", cacheFolder()}) {
    // A relative one would be of the working directory, which may be anybody's.
    if (wheels.is_absolute()) folders.push_back(wheels / "nvidia" / wheel / "lib");
  }
  folders.emplace_back();
  return folders;
}

/** Opens `name` from the first of `folders` that has it; from there it takes its companions, too. */
void* openFirst(const std::string& name, const std::vector<std::filesystem::path>& folders,
                std::filesystem::path& found, std::string& problem) {
  for (const auto& folder : folders) {
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::exists(folder / name, ignored)) continue;
    const std::string path = folder.empty() ? name : (folder / name).string();
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      found = folder;
      return library;
    }
    problem = dlerror();
  }
  return nullptr;
}

constexpr const char* kRemedy = CONVSWEEP_LIBRARY_REMEDY;

Libraries open() {
  std::string problem;
  std::filesystem::path folder;
  const auto needed = [&problem](void* found, const std::string& what) {
    if (!found) throw Error("DEVICE_UNAVAILABLE", what + " is missing (" + problem + "); " + kRemedy);
    return found;
  };
  const auto cublasFolders = foldersOf("CUDA_HOME", CONVSWEEP_CUBLAS_FOLDER, kCublasWheel);
  // First what the others ask for by name alone. NVRTC is needed by few of cuDNN's engines: none may be
  // chosen.
  needed(openFirst(kCublasLt, cublasFolders, folder, problem), "cuBLAS (" + kCublasLt + ")");
  openFirst(kNvrtc, {folder}, folder, problem);
  void* const cublas = needed(openFirst(kCublas, {folder}, folder, problem), "cuBLAS (" + kCublas + ")");
  const auto cudnnFolders = foldersOf("CUDNN_PATH", CONVSWEEP_CUDNN_FOLDER, "cudnn");
  void* const cudnn = needed(openFirst(kCudnn, cudnnFolders, folder, problem), "cuDNN (" + kCudnn + ")");

  Libraries calls;
  const auto find = [](void* library, const char* name) {
    void* const call = dlsym(library, name);
    if (!call) {
      throw Error("DEVICE_UNAVAILABLE",
                  std::string("the library found for ") + name + " lacks it; " + kRemedy);
    }
    return call;
  };
#define X(name) calls.name = reinterpret_cast<decltype(calls.name)>(find(cudnn, #name));
  CONVSWEEP_CUDNN_CALLS(X)
#undef X
#define X(name) calls.name = reinterpret_cast<decltype(calls.name)>(find(cublas, #name));
  CONVSWEEP_CUBLAS_CALLS(X)
#undef X
  readVersions(calls);
  return calls;
}

#endif

}  // namespace

const Libraries& libraries() {
  // Never closed: they have threads and exit handlers of their own.
  static const Libraries calls = open();
  return calls;
}

}  // namespace convsweep::cuda
