// Work that is done as a user for as long as it is asked for: what it is, whoever starts the steward says.
#pragma once

#include <string>

#include "cage/socket.h"
#include "cage/types.h"

namespace angarium::cage {

class Servant {
 public:
  virtual ~Servant() = default;
  /// Answers what comes by the socket until it is closed. In a process of its own that is the user's already.
  struct Errand {
    User user;
    std::string place;
    std::string spool_file;  ///< not empty: only that file is worked on, for this process has the spool's group as well
  };
  virtual void serve(const Descriptor& socket, const Errand& errand) = 0;
};

}  // namespace angarium::cage
