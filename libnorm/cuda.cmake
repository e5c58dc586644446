# The CUDA backend. Its objects join the archives, so that who links these needs no CUDA language.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(cuda_architectures_are_ours TRUE)
endif()
enable_language(CUDA)
find_package(CUDAToolkit 12 REQUIRED)
if(cuda_architectures_are_ours)
  set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real)
  if(CUDAToolkit_VERSION VERSION_LESS 12.8)
    list(APPEND CMAKE_CUDA_ARCHITECTURES 90)
  else()
    list(APPEND CMAKE_CUDA_ARCHITECTURES 90-real 100-real 120)
  endif()
endif()

# Only what is written as fma is contracted; the rest of IEEE arithmetic is nvcc's default, and is
# said here so that no one's flags change it.
set(cuda_flags --expt-relaxed-constexpr --fmad=false --ftz=false --prec-div=true --prec-sqrt=true
    -std=c++20 -diag-suppress 554)
foreach(library ${libraries})
  set(kernels ${library}_cuda)
  add_library(${kernels} OBJECT ${${library}_cuda_sources})
  target_include_directories(${kernels} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${kernels} PRIVATE LIBNORM_CUDA LIBNORM_CUDA_KERNELS)
  target_compile_options(${kernels} PRIVATE ${cuda_flags})
  set_target_properties(${kernels} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(${library} PRIVATE $<TARGET_OBJECTS:${kernels}>)
  target_compile_definitions(${library} PRIVATE LIBNORM_CUDA)
  target_link_libraries(${library} PRIVATE CUDA::cudart_static)
endforeach()

# Loads cuBLAS when it is asked for.
target_sources(libnorm_metrics PRIVATE ops/cublas.cpp)
target_link_libraries(libnorm_metrics PRIVATE ${CMAKE_DL_LIBS})

# For who links by pkg-config.
set(cuda_libs " -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -ldl -lrt -lpthread")
