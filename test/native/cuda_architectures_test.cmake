# cmake -P: the architectures for what different nvcc know.
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/cuda-architectures.cmake)

function(expect known expected)
  cuda_architectures("${known}" found)
  if(NOT "${found}" STREQUAL "${expected}")
    message(FATAL_ERROR "expected ${expected} for ${known} but found ${found}")
  endif()
endfunction()

# nvcc 12.4, 12.8 and 13.0.
expect("compute_50\ncompute_52\ncompute_53\ncompute_60\ncompute_61\ncompute_62\ncompute_70\ncompute_72\ncompute_75\ncompute_80\ncompute_86\ncompute_87\ncompute_89\ncompute_90\n"
  "60-real;61-real;70-real;75-real;80-real;86-real;89-real;90-real;90-virtual")
expect("compute_50\ncompute_60\ncompute_61\ncompute_70\ncompute_75\ncompute_80\ncompute_86\ncompute_89\ncompute_90\ncompute_100\ncompute_101\ncompute_120\n"
  "60-real;61-real;70-real;75-real;80-real;86-real;89-real;90-real;100-real;120-real;90-virtual")
expect("compute_75\ncompute_80\ncompute_86\ncompute_87\ncompute_88\ncompute_89\ncompute_90\ncompute_100\ncompute_110\ncompute_103\ncompute_120\ncompute_121\n"
  "75-real;80-real;86-real;89-real;90-real;100-real;120-real;90-virtual")
