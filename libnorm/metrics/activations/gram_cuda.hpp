#pragma once

#include "libnorm/metrics/activations/gram_task.hpp"

namespace libnorm {

/// Does a task whose arrays lie in the processor's memory on the thread's GPU.
template <class T>
void do_on_gpu(const GramTask<T>& task);

}  // namespace libnorm
