# Finds what the CUDA backend is built with: nvcc, and cuDNN's and cuBLAS' headers and libraries. Neither library is
# linked: the addon opens them when it is asked for a device, so that it loads where they are missing and says so.

include(${CMAKE_CURRENT_LIST_DIR}/cuda-architectures.cmake)

# Sets `cuda_missing` to what is missing and the remedy, or leaves it empty, with `cudnn_folder` and `cublas_folder`,
# where the libraries lie, and their headers' folders in `cuda_headers`. A macro: enable_language wants file scope.
macro(find_cuda)
  find_nvcc()
  if(NOT cuda_missing)
    enable_language(CUDA)
    find_nvidia_library(cudnn cudnn.h libcudnn.so.9 CUDNN_PATH cudnn)
    string(REGEX MATCH "^[0-9]+" cuda_major "${CMAKE_CUDA_COMPILER_VERSION}")
    find_nvidia_library(cublas cublas_v2.h libcublas.so.${cuda_major} CUDA_HOME cu${cuda_major} cublas)
  endif()
endmacro()

macro(find_nvcc)
  # The toolkit may have come since the last configuration.
  if(NOT CMAKE_CUDA_COMPILER)
    unset(CMAKE_CUDA_COMPILER CACHE)
  endif()
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(CONVSWEEP_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
    if(CONVSWEEP_NVCC)
      set(ENV{CUDACXX} "${CONVSWEEP_NVCC}")
    endif()
  endif()
  # Before the language is enabled, which would choose an architecture of its own. CMake itself takes CUDAARCHS.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    if(CMAKE_CUDA_COMPILER)
      set(nvcc "${CMAKE_CUDA_COMPILER}")
    else()
      set(nvcc "$ENV{CUDACXX}")
    endif()
    execute_process(COMMAND "${nvcc}" --list-gpu-arch OUTPUT_VARIABLE known_architectures ERROR_QUIET)
    cuda_architectures("${known_architectures}" CMAKE_CUDA_ARCHITECTURES)
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(cuda_missing "there is no working nvcc; install the CUDA toolkit 12.4 or newer (developer.nvidia.com/cuda-downloads), or say where it is: CUDA_HOME=/path ${build_command}")
  endif()
endmacro()

# Looks for a header and a library where the user says, in the toolkit, in .cuda/, where `npm run setup:cuda` puts
# NVIDIA's Python wheels, among the packages of `python3`, and in the system's folders. Further arguments: the wheel's folders.
function(find_nvidia_library name header library variable)
  set(roots "$ENV{${variable}}" "$ENV{CUDA_HOME}" "$ENV{CUDA_PATH}")
  get_filename_component(toolkit "${CMAKE_CUDA_COMPILER}" REALPATH)
  get_filename_component(toolkit "${toolkit}/../.." ABSOLUTE)
  list(APPEND roots "${toolkit}" /usr/local/cuda)
  execute_process(
    COMMAND python3 -c "import sys; print(*(path for path in sys.path if path.endswith('-packages')), sep=';', end='')"
    OUTPUT_VARIABLE site_packages ERROR_QUIET)
  set(cache "$ENV{XDG_CACHE_HOME}")
  if(NOT cache)
    set(cache "$ENV{HOME}/.cache")
  endif()
  string(REGEX MATCH "^[0-9]+" major "${CMAKE_CUDA_COMPILER_VERSION}")
  foreach(folder IN LISTS ARGN)
    list(APPEND roots
      "${CMAKE_SOURCE_DIR}/.cuda/nvidia/${folder}"
      "${cache}/convsweep/cuda${major}/nvidia/${folder}")
    foreach(packages IN LISTS site_packages)
      list(APPEND roots "${packages}/nvidia/${folder}")
    endforeach()
  endforeach()
  list(REMOVE_ITEM roots "")
  # Not cached: what is installed or removed later counts at once.
  unset(header_folder CACHE)
  unset(library_folder CACHE)
  find_path(header_folder ${header} HINTS ${roots} PATH_SUFFIXES include)
  find_path(library_folder ${library} HINTS ${roots} PATHS /usr /usr/local
    PATH_SUFFIXES lib lib64 lib/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu targets/${CMAKE_SYSTEM_PROCESSOR}-linux/lib)
  if(NOT header_folder OR NOT library_folder)
    if(NOT header_folder)
      set(missing ${header})
    else()
      set(missing ${library})
    endif()
    set(cuda_missing "${missing} was not found; ${install_remedy}say where it is: ${variable}=/path ${build_command}" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(library_folder "${library_folder}" REALPATH)
  list(APPEND cuda_headers "${header_folder}")
  set(cuda_headers "${cuda_headers}" PARENT_SCOPE)
  set(${name}_folder "${library_folder}" PARENT_SCOPE)
  unset(header_folder CACHE)
  unset(library_folder CACHE)
endfunction()

function(cuda_addon target)
  set_target_properties(${target} PROPERTIES
    CUDA_STANDARD 17
    CUDA_STANDARD_REQUIRED ON
    CUDA_VISIBILITY_PRESET hidden
    CUDA_RUNTIME_LIBRARY Static)
  cuda_libraries(${target})
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra -Xptxas=-v>)
  target_link_libraries(${target} PRIVATE rt)
endfunction()

# For what includes native/cuda/libraries.h.
function(cuda_libraries target)
  target_include_directories(${target} SYSTEM PRIVATE ${cuda_headers} ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  # What is built for other machines knows no folders of this one.
  if(CONVSWEEP_PORTABLE)
    set(cudnn_folder)
    set(cublas_folder)
  endif()
  target_compile_definitions(${target} PRIVATE
    CONVSWEEP_CUDNN_FOLDER="${cudnn_folder}"
    CONVSWEEP_CUBLAS_FOLDER="${cublas_folder}")
  target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
endfunction()

# Tells the build script what was found.
function(report_cuda)
  string(REPLACE "\\" "\\\\" missing "${cuda_missing}")
  string(REPLACE "\"" "\\\"" missing "${missing}")
  file(WRITE "${CMAKE_BINARY_DIR}/cuda.json"
    "{\"missing\": \"${missing}\", \"compiler\": \"nvcc ${CMAKE_CUDA_COMPILER_VERSION}\"}\n")
endfunction()
