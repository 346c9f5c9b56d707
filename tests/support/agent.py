"""A host agent's own calls (proto/agent.proto), as JSON over its socket: for what no route of the API shows."""
import contextlib
import json

from support.metrics import UnixConnection


class AgentError(Exception):
    def __init__(self, answer):
        super().__init__(answer)
        self.code, self.message = answer["code"], answer["message"]


class Agent:
    def __init__(self, directory):
        """`directory`: of its installation."""
        self.socket = directory / "run" / "agent.sock"

    def call(self, method, **fields):
        """The answer to a unary call; AgentError when it failed."""
        with contextlib.closing(UnixConnection(self.socket, timeout=120)) as connection:
            connection.request("POST", f"/hostagent.v1.HostAgentService/{method}", json.dumps(fields),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        if response.status != 200:
            raise AgentError(answer)
        return answer

    def set_network(self, sandbox, **policy):
        self.call("SetNetworkPolicy", sandbox_id=sandbox.id, network=policy)

    def network(self, sandbox):
        """The policy that it has."""
        [found] = [one for one in self.call("ListSandboxes")["sandboxes"] if one["sandboxId"] == sandbox.id]
        return found["network"]

    def denials(self, sandbox):
        return self.call("ListDenials", sandbox_id=sandbox.id).get("denials", [])
