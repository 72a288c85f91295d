"""Every operation there is, by kind: the one list that the engine and the plans use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from zoneweaver.domain.tasks import Kind
from zoneweaver.operations.artifact_upload import ArtifactUpload
from zoneweaver.operations.demo import Demo
from zoneweaver.operations.network_address_create import NetworkAddressCreate
from zoneweaver.operations.network_address_delete import NetworkAddressDelete
from zoneweaver.operations.network_dhcp_config import NetworkDhcpConfig
from zoneweaver.operations.network_dhcp_host_create import NetworkDhcpHostCreate
from zoneweaver.operations.network_dhcp_host_delete import NetworkDhcpHostDelete
from zoneweaver.operations.network_dhcp_service import NetworkDhcpService
from zoneweaver.operations.network_forwarding import NetworkForwarding
from zoneweaver.operations.network_link_create import NetworkLinkCreate
from zoneweaver.operations.network_link_delete import NetworkLinkDelete
from zoneweaver.operations.network_nat_rule_create import NetworkNatRuleCreate
from zoneweaver.operations.network_nat_rule_delete import NetworkNatRuleDelete
from zoneweaver.operations.provisioning_network_setup import ProvisioningNetworkSetup
from zoneweaver.operations.provisioning_network_teardown import ProvisioningNetworkTeardown
from zoneweaver.operations.recipe_test import RecipeTest
from zoneweaver.operations.zfs_create_dataset import ZfsCreateDataset
from zoneweaver.operations.zone_create import ZoneCreate
from zoneweaver.operations.zone_delete import ZoneDelete
from zoneweaver.operations.zone_discover import ZoneDiscover
from zoneweaver.operations.zone_halt import ZoneHalt
from zoneweaver.operations.zone_modify import ZoneModify
from zoneweaver.operations.zone_provision import ZoneProvision
from zoneweaver.operations.zone_provision_rollback import ZoneProvisionRollback
from zoneweaver.operations.zone_reset import ZoneReset
from zoneweaver.operations.zone_restart import ZoneRestart
from zoneweaver.operations.zone_setup import ZoneSetup
from zoneweaver.operations.zone_start import ZoneStart
from zoneweaver.operations.zone_stop import ZoneStop
from zoneweaver.operations.zone_sync import ZoneSync
from zoneweaver.operations.zone_wait_ssh import ZoneWaitSsh
from zoneweaver.tasks.operation import Operation

OPERATIONS: Final[Mapping[Kind, Operation]] = {
    operation.kind: operation
    for operation in (
        ZoneCreate(),
        ZoneModify(),
        ZoneDelete(),
        ZoneStart(),
        ZoneStop(),
        ZoneHalt(),
        ZoneRestart(),
        ZoneReset(),
        ZoneDiscover(),
        ArtifactUpload(),
        NetworkLinkCreate(),
        NetworkLinkDelete(),
        NetworkAddressCreate(),
        NetworkAddressDelete(),
        NetworkForwarding(),
        NetworkNatRuleCreate(),
        NetworkNatRuleDelete(),
        NetworkDhcpConfig(),
        NetworkDhcpHostCreate(),
        NetworkDhcpHostDelete(),
        NetworkDhcpService(),
        ProvisioningNetworkSetup(),
        ProvisioningNetworkTeardown(),
        RecipeTest(),
        ZfsCreateDataset(),
        ZoneSetup(),
        ZoneWaitSsh(),
        ZoneSync(),
        ZoneProvision(),
        ZoneProvisionRollback(),
        Demo(),
    )
}
