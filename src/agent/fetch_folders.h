// Which folders of an IMAP box are fetched, and what they are here.
#pragma once

#include <string>
#include <vector>

#include "fetch/types.h"
#include "io/task.h"
#include "protocol/imap/client.h"

namespace angarium::agent {

struct FetchFolder {
  std::string there;  ///< as the server writes it
  std::string here;
};

/// Those that the box names, INBOX first if it is one of them. `remark`: of one that is not there. `client` has logged
/// in.
io::Task<Result<std::vector<FetchFolder>>> list_folders(protocol::imap::Client& client, const fetch::Box& box,
                                                        std::string& remark);

}  // namespace angarium::agent
