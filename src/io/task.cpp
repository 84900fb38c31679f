#include "io/task.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace angarium::io::detail {

void PromiseBase::unhandled_exception() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "angarium: exception in a task: %s\n", exception.what());
    std::abort();
  } catch (...) {
    std::fputs("angarium: unknown exception in a task\n", stderr);
    std::abort();
  }
}

}  // namespace angarium::io::detail
