// Preloaded, it refuses a thread where the process has as many as REFUSE_THREADS_ABOVE says, as a
// limit on processes does, or where it has been asked as often as REFUSE_THREADS_AFTER says.
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace {

int number_of(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 1 << 20 : std::atoi(text);
}

int threads_of_this_process() {
  DIR* tasks = opendir("/proc/self/task");
  int count = 0;
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

std::atomic<int> asked = 0;

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  using Create = decltype(&pthread_create);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (asked++ >= number_of("REFUSE_THREADS_AFTER")) return EAGAIN;
  if (threads_of_this_process() >= number_of("REFUSE_THREADS_ABOVE")) return EAGAIN;
  return create(thread, attributes, start, argument);
}
