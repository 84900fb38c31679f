// What a server's NO, BAD and BYE mean to a caller of the client.
#pragma once

#include "base/result.h"
#include "protocol/imap/response.h"

namespace angarium::protocol::imap {

/// For any status response but OK and PREAUTH, with the server's words.
Error refusal(const StatusResponse& response);

}  // namespace angarium::protocol::imap
