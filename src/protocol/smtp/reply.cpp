#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

Reply reply_for(const Error& error) {
  const bool temporary = error.temporary();
  switch (error.fault()) {
    case Fault::syntax:
      if (temporary) return {451, {4, 5, 0}, error.text()};
      return {501, {5, 5, 2}, error.text()};
    case Fault::user:
      if (temporary) return {450, {4, 7, 1}, error.text()};
      return {550, {5, 7, 1}, error.text()};
    case Fault::dependency:
      if (error.is(kOutOfMemory)) return {452, {4, 3, 1}, "Insufficient system resources"};
      // Paths and words of the operating system are for the log only.
      if (temporary) return {451, {4, 3, 0}, "Requested action aborted: a resource is not available, try again later"};
      return {554, {5, 3, 0}, "Transaction failed: a resource is not available"};
    case Fault::ours: break;
  }
  // Whatever we broke, the other side shall try again: its message is not to blame.
  return {451, {4, 3, 0}, "Requested action aborted: local error in processing"};
}

}  // namespace angarium::protocol::smtp
