// Whose turn it is to work on a user's boxes: this server's processes, or those that the last one left behind.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/descriptor.h"
#include "base/result.h"

namespace angarium::cage {

/// One of each steward. A user's processes hold a lock on the user's own file, each as long as it lives, however it
/// ends: those of one steward together, those of two never at one time. Nobody else's processes are waited for.
class Turns {
 public:
  /// `folder`: where these files are, the same for each server of one place. None: nobody is waited for.
  explicit Turns(Descriptor folder);
  /// In the child that is to be the user's, before it is. Keep what it gives; the folder is closed. kUnavailable as
  /// long as a process of another steward's works as the user.
  Result<Descriptor> take(uid_t user);
  /// In a child that is to be nobody's servant.
  void leave() { folder_ = Descriptor(); }

 private:
  Descriptor folder_;
  std::int64_t number_;  ///< of the steward: the octet of each file that its servants lock
};

}  // namespace angarium::cage
