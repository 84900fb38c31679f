// Loaded before the C library (LD_PRELOAD) by the trial of a poisoned message: a process that is about to send the
// words of $ANGARIUM_POISON over a socket ends by its own fault, as one does over a message that it has an error in.
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdlib>
#include <string_view>

namespace {

void look_at(const void* octets, std::size_t size) {
  static const char* const poison = std::getenv("ANGARIUM_POISON");
  if (poison == nullptr) return;
  const std::string_view text(static_cast<const char*>(octets), size);
  if (text.find(poison) != text.npos) std::abort();
}

}  // namespace

extern "C" {

ssize_t send(int descriptor, const void* octets, std::size_t size, int flags) {
  static auto* const next = reinterpret_cast<decltype(send)*>(dlsym(RTLD_NEXT, "send"));
  look_at(octets, size);
  return next(descriptor, octets, size, flags);
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  static auto* const next = reinterpret_cast<decltype(sendmsg)*>(dlsym(RTLD_NEXT, "sendmsg"));
  for (std::size_t i = 0; i < message->msg_iovlen; ++i)
    look_at(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
  return next(descriptor, message, flags);
}

}  // extern "C"
