#include "io/error.h"

#include <cerrno>
#include <cstring>

namespace angarium::io {
namespace {

const ErrorKind& kind_of(int number) {
  switch (number) {
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ECONNABORTED: return kReset;
    case ECONNREFUSED:
    case ENOENT: return kRefused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL: return kUnreachable;
    case ETIMEDOUT: return kTimedOut;
    case EADDRINUSE: return kAddressInUse;
    case EACCES:
    case EPERM: return kNotPermitted;
    case EMFILE:
    case ENFILE: return kNoDescriptors;
    case ENOMEM:
    case ENOBUFS: return kOutOfMemory;
    default: return kSystem;
  }
}

}  // namespace

Error system_error(int number, std::string_view what) {
  char buffer[128];
  std::string text(what);
  text.append(": ").append(strerror_r(number, buffer, sizeof buffer));
  return Error(kind_of(number), std::move(text));
}

}  // namespace angarium::io
